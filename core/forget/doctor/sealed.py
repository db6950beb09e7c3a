"""The process without a network: ``python -m forget.doctor.sealed DESCRIPTOR``, order on stdin."""

from __future__ import annotations

import sys

from forget.doctor.network import seal

__all__ = ["main"]


def main(descriptor: int) -> None:
    """Take the network from this process, look, and write what was found to a file descriptor."""
    seal()  # before anything else is imported
    import json
    import os

    from forget.convert import structure
    from forget.doctor.examining import examine_here
    from forget.doctor.offline import Order, Wire
    from forget.errors import RequestError
    from forget.session import open_session

    order = structure(json.load(sys.stdin), Order)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        wire = Wire(stream)
        try:
            session = open_session(
                out=order.out,
                data=order.data,
                registries=order.registries,
                options=order.options,
                lazy=True,
            )
            found = examine_here(order.request, session, wire, order.cluster)
        except RequestError as error:
            wire.send(wrong=str(error))
            return
        from forget.convert import to_plain

        wire.send(found=[to_plain(diagnosis) for diagnosis in found])


if __name__ == "__main__":
    main(int(sys.argv[1]))
