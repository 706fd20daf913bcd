"""What MSAL and the broker said of a failure, read out of MSAL's description."""

from __future__ import annotations

import re
from dataclasses import dataclass

BROKER = "The broker"
ENTRA = "Microsoft Entra"
MSAL = "MSAL"
"""It tells of what kept it from asking either."""


@dataclass(frozen=True)
class Diagnostics:
    """What MSAL and the broker said, kept word for word for whoever has to support this.

    :param status: the broker's status without its prefix, such as ``InteractionRequired``; empty when it gave none.
    :param error_code: the broker's numeric error code.
    :param tag: the broker's numeric error tag, which tells Microsoft's support where the error was raised.
    :param aadsts: Microsoft Entra error numbers found in the text, such as ``53003``.
    :param correlation_id: the ID under which Entra logged the request; empty when none was told.
    :param description: MSAL's whole description.
    :param speaker: whose words the description has.
    """

    status: str = ""
    error_code: int = 0
    tag: int = 0
    aadsts: tuple[int, ...] = ()
    correlation_id: str = ""
    description: str = ""
    speaker: str = BROKER

    @classmethod
    def parse(cls, description: str, correlation_id: str = "", speaker: str = BROKER) -> Diagnostics:
        """Read MSAL's error description. MSAL strips the broker's status, code and tag from its answer and
        leaves them only in this text (``msal.broker._convert_error``)."""
        broker = re.search(
            r"Status: (?:Response_Status\.)?(?:Status_)?(\w+), Error code: (-?\d{1,20}), Tag: (-?\d{1,20})", description
        )
        told = re.search(
            r"[Cc]orrelation[ _][Ii][Dd]:? ?\"?([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})", description
        )
        return cls(
            status=broker[1] if broker else "",
            error_code=int(broker[2]) if broker else 0,
            tag=int(broker[3]) if broker else 0,
            aadsts=tuple(dict.fromkeys(int(n) for n in re.findall(r"AADSTS(\d{4,9})", description))),
            correlation_id=told[1] if told else correlation_id,
            description=description,
            speaker=speaker,
        )
