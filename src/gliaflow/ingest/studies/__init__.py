"""Studies: what a model looks at together, one patient's slices in order, whatever files they came in.

`files` lists what was given, `opening` makes studies of it; each format (`pictures`, `nifti`, `dicom`) is one module,
which also knows how masks go back into that format.
"""
