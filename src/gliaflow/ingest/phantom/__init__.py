"""A made-up data set of real anatomy: heads drawn from the MNI152 templates, with gliomas, written like kaggle_3m."""

from gliaflow.ingest.phantom.atlas import PhantomError
from gliaflow.ingest.phantom.write import make_phantom

__all__ = ["PhantomError", "make_phantom"]
