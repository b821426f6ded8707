"""Files that come with a form: bounded before they are stored anywhere.

- Nothing of a file goes to the disk. Of a request whose files are larger than the bound nothing
  beyond it is kept: such a file comes empty, with its true size, and `is_too_large` says so.
- The whole request is still read, so that the browser gets its answer.
"""

from __future__ import annotations

from io import BytesIO
from typing import Final

from django.core.files.uploadedfile import InMemoryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

LARGEST: Final = 32 * 1024 * 1024
"""Of all files of a request. A year of a national pool, a million jobs, is 20 MB as Parquet."""


def is_too_large(file: UploadedFile[bytes]) -> bool:
    """Whether the file was not kept: it is empty now, whatever its size says."""
    return (file.size or 0) > 0 and not file.read(1)


class BoundedUpload(FileUploadHandler):
    """Keeps files in memory, as far as there is room for them."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # the request, handed on
        self.room = LARGEST
        self.held = BytesIO()

    def new_file(self, *args: object, **kwargs: object) -> None:
        super().new_file(*args, **kwargs)  # type: ignore[arg-type]  # the file's head, handed on
        self.held = BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:  # noqa: ARG002  # Django's
        self.room -= len(raw_data)
        if self.room < 0:
            self.held = BytesIO()
        else:
            self.held.write(raw_data)

    def file_complete(self, file_size: int) -> InMemoryUploadedFile:
        self.held.seek(0)
        return InMemoryUploadedFile(
            file=self.held,
            field_name=self.field_name,
            name=str(self.file_name),
            content_type=str(self.content_type),
            size=file_size,
            charset=self.charset,
            content_type_extra=self.content_type_extra,
        )
