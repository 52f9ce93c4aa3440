"""Gliaflow: from a messy folder of brain-MRI slices and tumour masks to a segmentation model that can be trusted."""

__version__ = "0.1.0"
