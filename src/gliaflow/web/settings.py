"""What a server takes from anybody: the limits that hold before, while and after files are decoded."""

from pydantic import BaseModel, ConfigDict, Field

MIB = 1 << 20


class ServeLimits(BaseModel):
    """Limits of a server; those of a request are told by `/api/model`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file_bytes: int = Field(64 * MIB, gt=0, description="Bytes of a file as it is sent.")
    total_bytes: int = Field(256 * MIB, gt=0, description="Bytes of all files of a request as they are sent.")
    files: int = Field(1000, gt=0, description="Files of a request, those in archives included.")
    slices: int = Field(2000, gt=0, description="Slices of a request.")
    pixels: int = Field(64_000_000, gt=0, description="Pixels of all slices of a request.")
    slice_pixels: int = Field(16_777_216, gt=0, description="Pixels of a slice, by its header: 4096 x 4096.")
    seconds: float = Field(120, gt=0, description="Seconds that an answer may take once the files are here.")

    upload_seconds: float = Field(120, gt=0, description="Seconds that files may take to come.")
    silent_seconds: float = Field(15, gt=0, description="Seconds without a byte after which a sender is given up.")
    sending_seconds: float = Field(120, gt=0, description="Seconds that an answer may take to be sent.")
    reading_seconds: float = Field(20, gt=0, description="Seconds that a process may read files of a request.")
    reading_bytes: int = Field(2048 * MIB, gt=0, description="Memory of a process that reads files, beyond its start.")
    unpacked_bytes: int = Field(512 * MIB, gt=0, description="Bytes that an archive may unpack to.")
    unpacked_ratio: int = Field(100, gt=0, description="Times its size that an archive may unpack to, beyond 16 MiB.")

    requests: int = Field(64, gt=0, description="Requests under way at a time; more are sent away.")
    waiting_bytes: int = Field(512 * MIB, gt=0, description="Bytes of files under way at a time.")
    waiting_pixels: int = Field(
        200_000_000, gt=0, description="Pixels of slices under way, as they came or as the network takes them."
    )
    batch: int = Field(16, gt=0, description="Slices, of one request or several, that the network sees at a time.")
    readers: int = Field(2, gt=0, description="Processes that read files.")
