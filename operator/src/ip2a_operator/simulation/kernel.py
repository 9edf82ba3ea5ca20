"""The inner loop: requests through pods, engines, PgBouncer and PostgreSQL, one event at a time, compiled.

Model of one request: round robin over ready pods → refused when the pod is full → first CPU phase (one core,
first come first served, stopped by its CFS quota if it has one) → cache hits end here → a slot of the pod's own
engine (short queue, time-out) → a server connection of the pooler (time-out) → query on the primary or the least
busy replica, slowed by the Universal Scalability Law at the concurrency it meets → second CPU phase, still holding
both → done. The client gives up after `P_CLIENT_TIMEOUT`. Waiting lists are linked through `nxt`: a request waits in
at most one.

Only arrays go in and out. Column numbers are module constants; `model.py` is the only caller.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BINS = 48
BIN_BASE = 0.001
BIN_GROWTH = 1.25
LOG_GROWTH = 0.22314355131420976  # log(BIN_GROWTH)

# columns of `pods`
CUR, HEAD, TAIL, LENGTH, INFLIGHT = 0, 1, 2, 3, 4
USED = 5  # +engine
EHEAD, ETAIL, ELEN = 7, 9, 11  # +engine
POD_COLUMNS = 13
# columns of `pools` (row 0 writes, row 1 reads)
CAP, BUSY, PHEAD, PTAIL, PLEN = 0, 1, 2, 3, 4
POOL_COLUMNS = 5
# rows of `metrics`
(
    M_ARRIVED, M_READS, M_DONE, M_FAILED, M_CPU, M_RW_COUNT, M_RO_COUNT, M_RW_BUSY, M_RO_BUSY,
    M_PRIMARY_CPU, M_REPLICA_CPU, M_CHECKOUT, M_HITS, M_LOOKUPS,
    M_PRIMARY_ACTIVE, M_REPLICA_ACTIVE, M_RW_POOL_WAIT, M_RO_POOL_WAIT,
) = range(18)  # fmt: skip
METRICS = 18
# parameters
(
    P_CPU, P_CPU_SPEED, P_HIT, P_READ_BASE, P_WRITE_BASE, P_READ_SLOW, P_WRITE_SLOW, P_PSIGMA, P_PKAPPA,
    P_RSIGMA, P_RKAPPA, P_INFLIGHT, P_RW_LIMIT, P_RO_LIMIT, P_ENGINE_TIMEOUT, P_POOL_TIMEOUT,
    P_CLIENT_TIMEOUT, P_PRIMARY_DOWN, P_QUERY_CPU, P_HOLD, P_ENGINE_QUEUE, P_QUOTA, P_BACKGROUND,
    P_RW_BEFORE, P_RO_BEFORE, P_WAKE,
) = range(26)  # fmt: skip
PARAMETERS = 26
# columns of `throttle`: when a pod's first period begins, which period it is in, CPU seconds used in it
T_PHASE, T_PERIOD, T_USED = 0, 1, 2
THROTTLE_COLUMNS = 3
CFS_PERIOD = 0.1
"""Seconds over which a CPU limit is accounted: `cpu.cfs_period_us`, the kubelet's default."""
# scalars that survive between calls
S_NEXT, S_HEAP, S_TURN, S_READY = 0, 1, 2, 3
SCALARS = 4


@njit(cache=True)
def _push(heap_t: Floats, heap_e: Ints, s: Ints, t: float, event: int) -> None:
    i = s[S_HEAP]
    s[S_HEAP] = i + 1
    while i > 0:
        parent = (i - 1) >> 1
        if heap_t[parent] <= t:
            break
        heap_t[i] = heap_t[parent]
        heap_e[i] = heap_e[parent]
        i = parent
    heap_t[i] = t
    heap_e[i] = event


@njit(cache=True)
def _pop(heap_t: Floats, heap_e: Ints, s: Ints) -> None:
    n = s[S_HEAP] - 1
    s[S_HEAP] = n
    t, event = heap_t[n], heap_e[n]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= n:
            break
        if child + 1 < n and heap_t[child + 1] < heap_t[child]:
            child += 1
        if heap_t[child] >= t:
            break
        heap_t[i] = heap_t[child]
        heap_e[i] = heap_e[child]
        i = child
    heap_t[i] = t
    heap_e[i] = event


@njit(cache=True)
def _bin(seconds: float) -> int:
    if seconds <= BIN_BASE:
        return 0
    return min(BINS - 1, int(np.log(seconds / BIN_BASE) / LOG_GROWTH) + 1)


@njit(cache=True)
def _cpu_end(  # noqa: PLR0917  # compiled functions take no keywords
    throttle: Floats, p: int, start: float, need: float, quota: float, background: float
) -> float:
    """When `need` CPU seconds of pod `p` are done: what its limit (cores; 0 for none) leaves of each period runs at
    full speed, then the pod stands still until the next one. `background` cores go to probes and scrapes.
    """
    if quota <= 0.0:
        return start + need
    now = start
    while True:
        number = np.floor((now - throttle[p, T_PHASE]) / CFS_PERIOD)
        if number != throttle[p, T_PERIOD]:
            throttle[p, T_PERIOD] = number
            throttle[p, T_USED] = background * CFS_PERIOD
        end = throttle[p, T_PHASE] + (number + 1.0) * CFS_PERIOD
        room = min(quota * CFS_PERIOD - throttle[p, T_USED], end - now)
        if need <= room:
            throttle[p, T_USED] += need
            return now + need
        if room > 0.0:
            need -= room
            throttle[p, T_USED] += room
        now = end + 1e-9  # rounding must not leave it in the period that is over


@njit(cache=True)
def advance(  # noqa: PLR0912, PLR0915, PLR0917, C901  # one compiled loop: the shape of the model
    until: float,
    arrival: Floats,
    write: Ints,
    luck: Floats,
    cpu: Floats,
    query: Floats,
    pod_of: Ints,
    phase: Ints,
    since: Floats,
    held: Floats,
    target: Ints,
    nxt: Ints,
    pods: Ints,
    ready: Ints,
    pools: Ints,
    active: Ints,
    alive: Ints,
    par: Floats,
    s: Ints,
    heap_t: Floats,
    heap_e: Ints,
    throttle: Floats,
    ended: Floats,
    metrics: Floats,
    latency: Ints,
    queueing: Ints,
    score: Ints,
    failures: Ints,
) -> None:
    """Run until time `until`; everything is changed in place. Event codes: pod ≥ 0, request as -1 - index.

    `ended` gets the time of each answer, -1 where there was none in time.
    """
    n = arrival.shape[0]
    while True:
        t_heap = heap_t[0] if s[S_HEAP] > 0 else 1e18
        k = s[S_NEXT]
        t_next = arrival[k] if k < n else 1e18
        t = min(t_heap, t_next)
        if t >= until:
            return
        second = int(t)
        start_pod = -1  # a pod whose CPU may take its next request
        wake = par[P_WAKE]  # what it costs a CPU that was idle to begin
        grant = -1  # an engine side whose pooler may hand out a connection
        ask = -1  # a request that asks its pod for an engine slot
        free_pod, free_side = -1, -1  # an engine slot that became free
        finished, ok = -1, True

        if t_next <= t_heap:  # arrival
            s[S_NEXT] = k + 1
            metrics[M_ARRIVED, second] += 1
            if write[k] == 0:
                metrics[M_READS, second] += 1
            if s[S_READY] == 0:
                finished, ok = k, False
            else:
                s[S_TURN] = (s[S_TURN] + 1) % s[S_READY]
                p = ready[s[S_TURN]]
                pod_of[k] = p
                if pods[p, INFLIGHT] >= par[P_INFLIGHT]:
                    pod_of[k] = -1
                    finished, ok = k, False
                else:
                    pods[p, INFLIGHT] += 1
                    phase[k] = 0
                    nxt[k] = -1
                    if pods[p, LENGTH] == 0:
                        pods[p, HEAD] = k
                    else:
                        nxt[pods[p, TAIL]] = k
                    pods[p, TAIL] = k
                    pods[p, LENGTH] += 1
                    if pods[p, CUR] < 0:
                        start_pod = p
        else:
            event = heap_e[0]
            _pop(heap_t, heap_e, s)
            if event >= 0:  # a pod's CPU phase ends
                p = event
                r = pods[p, CUR]
                pods[p, CUR] = -1
                start_pod = p
                wake = 0.0
                if phase[r] == 0:
                    if write[r] == 0:
                        metrics[M_LOOKUPS, second] += 1
                    if write[r] == 0 and luck[r] < par[P_HIT]:
                        metrics[M_HITS, second] += 1
                        finished = r
                    else:
                        ask = r
                else:  # answer written: give back connection and slot
                    side = 0 if write[r] == 1 else 1
                    pools[side, BUSY] -= 1
                    metrics[M_RW_BUSY + side, second] += t - held[r]
                    metrics[M_RW_COUNT + side, second] += 1
                    grant = side
                    pods[p, USED + side] -= 1
                    free_pod, free_side = p, side
                    finished = r
            else:  # a query ends: second CPU phase
                r = -1 - event
                active[target[r]] -= 1
                p = pod_of[r]
                phase[r] = 1
                nxt[r] = -1
                if pods[p, LENGTH] == 0:
                    pods[p, HEAD] = r
                else:
                    nxt[pods[p, TAIL]] = r
                pods[p, TAIL] = r
                pods[p, LENGTH] += 1
                since[r] = t
                if pods[p, CUR] < 0:
                    start_pod = p

        while finished >= 0 or ask >= 0 or grant >= 0 or free_pod >= 0:
            if finished >= 0:
                r = finished
                finished = -1
                took = t - arrival[r]
                good = ok and took <= par[P_CLIENT_TIMEOUT]
                ok = True
                bin_ = _bin(took)
                slot = int(arrival[r] / 10.0)
                ended[r] = t if good else -1.0
                if good:
                    metrics[M_DONE, second] += 1
                    score[slot, bin_] += 1
                    latency[second, bin_] += 1
                else:
                    metrics[M_FAILED, second] += 1
                    failures[slot] += 1
                if pod_of[r] >= 0:
                    pods[pod_of[r], INFLIGHT] -= 1
            elif ask >= 0:
                r = ask
                ask = -1
                p = pod_of[r]
                side = 0 if write[r] == 1 else 1
                if side == 0 and par[P_PRIMARY_DOWN] > 0:
                    finished, ok = r, False
                    free_pod, free_side = p, side
                elif pods[p, USED + side] < par[P_RW_LIMIT + side]:
                    pods[p, USED + side] += 1
                    since[r] = t
                    nxt[r] = -1
                    if pools[side, PLEN] == 0:
                        pools[side, PHEAD] = r
                    else:
                        nxt[pools[side, PTAIL]] = r
                    pools[side, PTAIL] = r
                    pools[side, PLEN] += 1
                    grant = side
                elif pods[p, ELEN + side] >= par[P_ENGINE_QUEUE]:
                    finished, ok = r, False
                else:
                    since[r] = t
                    nxt[r] = -1
                    if pods[p, ELEN + side] == 0:
                        pods[p, EHEAD + side] = r
                    else:
                        nxt[pods[p, ETAIL + side]] = r
                    pods[p, ETAIL + side] = r
                    pods[p, ELEN + side] += 1
            elif free_pod >= 0:  # hand the slot to the pod's own queue, dropping those that gave up
                p, side = free_pod, free_side
                free_pod = -1
                if pods[p, ELEN + side] > 0:
                    r = pods[p, EHEAD + side]
                    pods[p, EHEAD + side] = nxt[r]
                    pods[p, ELEN + side] -= 1
                    waited = t - since[r]
                    metrics[M_CHECKOUT, second] += min(waited, par[P_ENGINE_TIMEOUT])
                    if waited > par[P_ENGINE_TIMEOUT]:
                        finished, ok = r, False
                        free_pod = p
                    else:
                        ask = r
            else:
                side = grant
                grant = -1
                if pools[side, PLEN] > 0:
                    r = pools[side, PHEAD]
                    waited = t - since[r]
                    down = side == 0 and par[P_PRIMARY_DOWN] > 0
                    if waited > par[P_POOL_TIMEOUT] or down:
                        pools[side, PHEAD] = nxt[r]
                        pools[side, PLEN] -= 1
                        pods[pod_of[r], USED + side] -= 1
                        free_pod, free_side = pod_of[r], side
                        finished, ok = r, False
                        grant = side
                    elif pools[side, BUSY] < pools[side, CAP]:
                        pools[side, PHEAD] = nxt[r]
                        pools[side, PLEN] -= 1
                        pools[side, BUSY] += 1
                        metrics[M_RW_POOL_WAIT + side, second] += waited
                        held[r] = t
                        where = 0
                        if side == 1:
                            least = 1 << 30
                            for i in range(1, active.shape[0]):
                                if alive[i] == 1 and active[i] < least:
                                    least = active[i]
                                    where = i
                        active[where] += 1
                        target[r] = where
                        level = active[where]
                        if where == 0:
                            slow = 1 + par[P_PSIGMA] * (level - 1) + par[P_PKAPPA] * level * (level - 1)
                        else:
                            slow = 1 + par[P_RSIGMA] * (level - 1) + par[P_RKAPPA] * level * (level - 1)
                        base = query[r] * (par[P_WRITE_BASE] if side == 0 else par[P_READ_BASE])
                        stretch = par[P_WRITE_SLOW] if side == 0 else par[P_READ_SLOW]
                        work = base * par[P_QUERY_CPU] * (1 + 0.3 * (slow - 1))
                        if where == 0:
                            metrics[M_PRIMARY_CPU, second] += work
                            metrics[M_PRIMARY_ACTIVE, second] += base * slow * stretch
                        else:
                            metrics[M_REPLICA_CPU, second] += work
                            metrics[M_REPLICA_ACTIVE, second] += base * slow * stretch
                        _push(heap_t, heap_e, s, t + base * slow * stretch + par[P_HOLD], -1 - r)
                        grant = side

        while start_pod >= 0:  # next request of a pod whose CPU is free, skipping those that gave up
            p = start_pod
            if pods[p, LENGTH] == 0:
                start_pod = -1
            else:
                r = pods[p, HEAD]
                pods[p, HEAD] = nxt[r]
                pods[p, LENGTH] -= 1
                if phase[r] == 0 and t - arrival[r] > par[P_CLIENT_TIMEOUT]:
                    ended[r] = -1.0
                    metrics[M_FAILED, second] += 1
                    failures[int(arrival[r] / 10.0)] += 1
                    pods[p, INFLIGHT] -= 1
                else:
                    start_pod = -1
                    hit = write[r] == 0 and luck[r] < par[P_HIT]
                    before = par[P_RW_BEFORE] if write[r] == 1 else par[P_RO_BEFORE]
                    share = 1.0 - before if phase[r] == 1 else 1.0 if hit else before
                    if phase[r] == 0:
                        queueing[second, _bin(t - arrival[r])] += 1
                    work = share * cpu[r] * par[P_CPU] + wake
                    metrics[M_CPU, second] += work
                    pods[p, CUR] = r
                    end = _cpu_end(throttle, p, t, work / par[P_CPU_SPEED], par[P_QUOTA], par[P_BACKGROUND])
                    _push(heap_t, heap_e, s, end, p)
