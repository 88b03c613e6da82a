"""A report's queries on the source database: one read-only snapshot, prepared, limited, COPY → spool.

`settle` asks for the values of params that only the database knows, `fetch` makes a job's dataset, `reuse` finds the
one that an earlier attempt left, `inquire` makes one that a report's own code may add to, `check` and `prove`
hold queries against the database without running them.
"""

from reportd.fetch.dataset import fetch, reuse
from reportd.fetch.inquiry import Inquiry, inquire
from reportd.fetch.limits import FetchLimits
from reportd.fetch.proof import Finding, Proof, check, prove
from reportd.fetch.settling import Asking, settle

__all__ = [
    "Asking",
    "FetchLimits",
    "Finding",
    "Inquiry",
    "Proof",
    "check",
    "fetch",
    "inquire",
    "prove",
    "reuse",
    "settle",
]
