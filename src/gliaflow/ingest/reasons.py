"""Why a file could not be used: one code for each rule of the house, with what to do about it."""

from dataclasses import dataclass

from gliaflow.errors import GliaflowError


@dataclass(frozen=True)
class Reason:
    """A rule that a file broke, the remedy, and whether such files count towards the rejected share.

    A `passing` fault may be gone at the next look though the file has not changed: it is not remembered.
    """

    rule: str
    remedy: str
    counted: bool = True
    passing: bool = False


REASONS: dict[str, Reason] = {
    # found while scanning
    "no_permission": Reason(
        "Files and folders must be readable.", "Grant read permission (chmod) and run again.", passing=True
    ),
    "unreadable": Reason("A file's bytes must be readable and decodable.", "Copy or export the file again."),
    "broken_link": Reason("A link must lead to a file.", "Restore the file that the link names, or remove the link."),
    "not_a_file": Reason("Data must be regular files.", "Remove the pipe, socket or device."),
    "empty_file": Reason("A file must not be empty.", "Copy or export the file again."),
    "too_large": Reason(
        "A file must not exceed the size limit.", "Export the slice alone; keep one row a patient in data.csv."
    ),
    "undecodable_name": Reason("File names must be valid UTF-8.", "Rename the file."),
    # found while pairing
    "odd_name": Reason(
        "A name must end in its slice number, as in PATIENT_12.tif.",
        "Rename the file to PATIENT_NUMBER or keep it elsewhere.",
    ),
    "image_without_mask": Reason("Every image needs a mask.", "Add the mask (all black where there is no tumour)."),
    "awaiting_masks": Reason(
        "A patient is trained on once it has masks.", "Add the masks when they are drawn.", counted=False
    ),
    "mask_without_image": Reason("Every mask needs an image.", "Add the image, or take the mask away."),
    "conflicting_files": Reason("A slice has one image and one mask.", "Keep the right file and take the others away."),
    "duplicate_copy": Reason("An identical copy is counted once.", "Nothing needs doing.", counted=False),
    "mask_is_image": Reason("A mask must differ from its image.", "Export the mask again."),
    "partner_unusable": Reason("A slice needs both image and mask.", "Mend the other file of this slice."),
    # found while preparing
    "changed_since_scan": Reason(
        "Files must not change during a run.", "Run again when the data set is at rest.", passing=True
    ),
    "read_error": Reason(
        "The system must be able to read a file.", "Look after the disk or network share, and run again.", passing=True
    ),
    "unknown_format": Reason(
        "A slice must be TIFF, PNG, JPEG or BMP inside, a volume NIfTI or DICOM.", "Export the slice as TIFF or PNG."
    ),
    "unsupported_compression": Reason(
        "TIFF data must be uncompressed, deflated or plainly LZW, PackBits or JPEG.",
        "Save the TIFF without compression.",
    ),
    "truncated": Reason("A file must be complete.", "Copy or download the file again."),
    "too_many_pixels": Reason("An image must not exceed the pixel limit.", "Export the slice at its own resolution."),
    "too_small": Reason("An image must have at least 8 rows and 8 columns.", "Export the slice at its own resolution."),
    "wrong_channels": Reason("An image has one channel, three, or three and alpha.", "Export as grey, RGB or RGBA."),
    "several_pages": Reason("A file holds one slice.", "Split the file into one a slice."),
    "wrong_depth": Reason("Pixels must be real numbers.", "Export with 8 or 16 bits a channel."),
    "not_finite": Reason("Pixels must be finite.", "Replace NaN and infinity, and export again."),
    "non_binary_mask": Reason(
        "A mask is black and one other value, equal in all channels.", "Export a binary mask as PNG or TIFF (not JPEG)."
    ),
    "mask_size_differs": Reason("A mask has its image's height and width.", "Export the mask at the image's size."),
    # found in volumes
    "bad_geometry": Reason(
        "A volume's header must say how it lies.", "Export the volume again, with its orientation and spacing."
    ),
    "no_overlap": Reason("Sequences of one patient must show the same place.", "Register them, or leave this one out."),
    "no_flair": Reason(
        "A patient needs a FLAIR sequence.", "Name the file that is FLAIR so that it ends in _flair, as case_flair.nii."
    ),
    "several_files": Reason("A volume must lie in one file.", "Save it as one file: .nii or .nii.gz."),
    "other_sequence": Reason(
        "Only pre-contrast, FLAIR and post-contrast are used.", "Nothing needs doing.", counted=False
    ),
    "not_an_image": Reason("Only images are used.", "Nothing needs doing.", counted=False),
    "unsupported_transfer_syntax": Reason(
        "DICOM pixels must be compressed in no way, or in one that can be read here.",
        "Convert the files to Explicit VR Little Endian.",
    ),
    # found while predicting
    "is_a_mask": Reason("Masks aren't predicted.", "Nothing needs doing.", counted=False),
    # found in the clinical table
    "bad_clinical": Reason(
        "data.csv is a table with a Patient column, separated by commas or semicolons.",
        "Restore data.csv, or take it away.",
    ),
}


LONGEST_FOUND = 300  # characters: words that quote a file can be as long as the file


class UnusableFile(GliaflowError):
    """A file that can't be used: `reason` is a code of REASONS, `found` says in few words what was found."""

    def __init__(self, reason: str, found: str) -> None:
        rule = REASONS[reason]
        if len(found) > LONGEST_FOUND:
            found = f"{found[:LONGEST_FOUND]} ..."
        super().__init__(f"{rule.rule} Found: {found}. {rule.remedy}")
        self.reason = reason
        self.found = found


class UnusableSource(GliaflowError):
    """Data that can't be opened, or of which too little is left; the message says what to do."""
