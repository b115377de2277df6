"""What a page needs to take files from outside: an upload in pieces, and the form that asks what columns mean."""

from widgets.lot_files.columns import ColumnsForm
from widgets.lot_files.upload import Upload

__all__ = ["ColumnsForm", "Upload"]
