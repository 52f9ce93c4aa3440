"""What is wrong with a data set, and what Gliaflow would do about it, by the functions that a run itself uses."""

from gliaflow.ingest.doctor.examine import examine as examine
from gliaflow.ingest.doctor.findings import Case as Case
from gliaflow.ingest.doctor.findings import Examination as Examination
from gliaflow.ingest.doctor.findings import Finding as Finding
