"""FastAPI with sync SQLAlchemy ORM, redis-py, response models and the usual middlewares; same tables, same TTLs."""

import os
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from typing import Annotated

import jwt
import redis
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import Counter, Histogram
from sqlalchemy import URL, create_engine
from sqlalchemy.orm import Session, sessionmaker
from starlette.middleware.base import BaseHTTPMiddleware

import ip2a.models  # noqa: F401 (every table, or foreign keys lead nowhere)
from ip2a.auth.models import User
from ip2a.dues.models import DuesPayment, DuesStatus
from ip2a.members.models import Member
from ip2a.members.schemas import ProfileResponse
from ip2a.payments.models import Payment
from ip2a.payments.schemas import PaymentRequest

PROFILE_TTL = 300
CACHED = os.environ.get("BENCH_CACHE", "1") == "1"

engine = create_engine(
    URL.create(
        "postgresql+psycopg",
        username=os.environ["BENCH_DB_USER"],
        password=os.environ["IP2A_DB_PASSWORD"],
        host=os.environ["IP2A_DB_WRITE_HOST"],
        port=int(os.environ["IP2A_DB_PORT"]),
        database=os.environ["IP2A_DB_NAME"],
    ),
    pool_size=20,
    max_overflow=10,
    pool_pre_ping=True,
    connect_args={"prepare_threshold": None},
)
sessions = sessionmaker(engine)
cache = redis.Redis(
    host=os.environ["IP2A_REDIS_HOST"],
    port=int(os.environ["IP2A_REDIS_PORT"]),
    password=os.environ["IP2A_REDIS_PASSWORD"],
    db=1,
)
requests = Counter("naive_requests", "Requests.", ["path", "status"])
seconds = Histogram("naive_seconds", "Duration.", ["path"])
bearer = HTTPBearer()
app = FastAPI()
Next = Callable[[Request], Awaitable[Response]]


async def count_requests(request: Request, call_next: Next) -> Response:
    started = time.perf_counter()
    response = await call_next(request)
    requests.labels(request.url.path, response.status_code).inc()
    seconds.labels(request.url.path).observe(time.perf_counter() - started)
    return response


async def add_request_id(request: Request, call_next: Next) -> Response:
    response = await call_next(request)
    response.headers["X-Request-Id"] = request.headers.get("X-Request-Id", str(uuid.uuid4()))
    return response


async def add_security_headers(request: Request, call_next: Next) -> Response:
    response = await call_next(request)
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


async def limit_rate(request: Request, call_next: Next) -> Response:
    key = f"naive:limit:{request.headers.get('authorization', '')[-20:]}:{int(time.time()) // 60}"
    with cache.pipeline() as pipe:
        pipe.incr(key)
        pipe.expire(key, 120)
        count, _ = pipe.execute()
    if count > 1_000_000:
        return Response(status_code=429)
    return await call_next(request)


for dispatch in (limit_rate, add_security_headers, add_request_id, count_requests):
    app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)


def database() -> Iterator[Session]:
    with sessions() as session:
        yield session


Database = Annotated[Session, Depends(database)]


def current_user(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)], session: Database
) -> tuple[int, int]:
    try:
        claims = jwt.decode(credentials.credentials, os.environ["IP2A_JWT_KEY"], algorithms=["HS256"])
    except jwt.PyJWTError:
        raise HTTPException(401) from None
    key = f"naive:epoch:{claims['sub']}"
    epoch = cache.get(key)
    if epoch is None:
        user = session.get(User, int(claims["sub"]))
        if user is None or not user.is_active:
            raise HTTPException(401)
        epoch = str(user.token_epoch).encode()
        cache.setex(key, 86_400, epoch)
    if int(epoch) != claims["epoch"]:
        raise HTTPException(401)
    return int(claims["sub"]), claims["mid"]


CurrentUser = Annotated[tuple[int, int], Depends(current_user)]


@app.get("/api/v1/my/profile", response_model=ProfileResponse)
def my_profile(user: CurrentUser, session: Database) -> ProfileResponse:
    key = f"naive:profile:{user[1]}"
    stored = cache.get(key) if CACHED else None
    if stored is not None:
        return ProfileResponse.model_validate_json(stored)
    member = session.get(Member, user[1])
    if member is None:
        raise HTTPException(404)
    profile = ProfileResponse.model_validate(member, from_attributes=True)
    if CACHED:
        cache.setex(key, PROFILE_TTL, profile.model_dump_json())
    return profile


@app.post("/api/v1/my/dues/{dues_id}/payments", status_code=201)
def pay(dues_id: int, body: PaymentRequest, user: CurrentUser, session: Database) -> dict[str, object]:
    dues = session.get(DuesPayment, dues_id)
    if dues is None or dues.member_id != user[1]:
        raise HTTPException(404)
    dues.amount_paid_cents += body.amount_cents
    dues.status = DuesStatus.PAID if dues.amount_paid_cents >= dues.amount_due_cents else DuesStatus.PARTIAL
    payment = Payment(
        dues_payment_id=dues.id,
        member_id=user[1],
        amount_cents=body.amount_cents,
        method=body.method,
        receipt_number=f"RCP-{uuid.uuid4().hex[:12]}",
        recorded_by_id=user[0],
    )
    session.add(payment)
    session.commit()
    session.refresh(payment)
    cache.delete(f"naive:dues:{user[1]}")
    return {"receipt_number": payment.receipt_number, "status": dues.status, "paid": dues.amount_paid_cents}
