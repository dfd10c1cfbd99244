"""What the database layer may be told about statements: options for their `execution_options`."""

from typing import Final

IS_OFTEN: Final = "rowcast_often"
# It is run by nearly every request or edit, and finds its rows by their keys, whatever its arguments are.
OFTEN: Final = {IS_OFTEN: True}
