"""All models in one place, so that metadata is complete wherever it is needed."""

from ip2a.api_keys import models as api_key_models
from ip2a.applications import models as application_models
from ip2a.audit import models as audit_models
from ip2a.auth import models as auth_models
from ip2a.benevolence import models as benevolence_models
from ip2a.bids import models as bid_models
from ip2a.billing import models as billing_models
from ip2a.checkout import models as checkout_models
from ip2a.database import models as database_models
from ip2a.database.base import Base
from ip2a.dispatches import models as dispatch_models
from ip2a.documents import models as document_models
from ip2a.dues import models as dues_models
from ip2a.employments import models as employment_models
from ip2a.grants import models as grants_models
from ip2a.grievances import models as grievances_models
from ip2a.labor_requests import models as labor_request_models
from ip2a.members import models as member_models
from ip2a.notes import models as notes_models
from ip2a.organizations import models as organization_models
from ip2a.organizing import models as organizing_models
from ip2a.payments import models as payment_models
from ip2a.referrals import models as referral_models
from ip2a.refunds import models as refund_models
from ip2a.reports import models as report_models
from ip2a.teaching import models as teaching_models
from ip2a.training import models as training_models
from ip2a.worker import models as worker_models

MODULES = (
    checkout_models,
    api_key_models,
    application_models,
    audit_models,
    auth_models,
    database_models,
    bid_models,
    billing_models,
    dispatch_models,
    document_models,
    dues_models,
    employment_models,
    labor_request_models,
    member_models,
    organizing_models,
    notes_models,
    grievances_models,
    grants_models,
    benevolence_models,
    organization_models,
    payment_models,
    referral_models,
    refund_models,
    report_models,
    teaching_models,
    training_models,
    worker_models,
)
metadata = Base.metadata
