"""What is wrong with a form, by the field. Pure."""

from pydantic import ValidationError

WORDS = {
    "zip_code": "Five digits, or five and four: 98032 or 98032-1234.",
    "state": "Two capital letters, such as WA.",
    "phone": "Seven digits or more; blanks, dots, dashes and parentheses are fine.",
    "email": "An address such as name@example.org.",
}


def messages_of(error: ValidationError) -> dict[str, str]:
    """A message for each field at fault."""
    return {
        str(item["loc"][0]): WORDS.get(str(item["loc"][0]), item["msg"].removeprefix("Value error, "))
        for item in error.errors(include_url=False, include_input=False)
        if item["loc"]
    }
