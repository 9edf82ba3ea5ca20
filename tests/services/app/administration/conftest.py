"""The browser and the server of the journeys, with people of these modules' own."""

from tests.services.app.test_journeys_in_chromium import browser, fleet, visitor

__all__ = ["browser", "fleet", "visitor"]
