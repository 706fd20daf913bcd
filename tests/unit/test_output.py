"""What the commands print, made of what others said."""

from azext_brokerauth import output
from azext_brokerauth.keyring.choice import choose
from azext_brokerauth.keyring.secret_service import State


def test_what_a_keyring_calls_itself_or_says_gives_no_order_to_the_terminal() -> None:
    for state in (State(collection="\x1b]0;x\x07", locked=True), State(service_problem="\x1b[31mno\u202e")):
        shown = output.keyring_facts(choose("auto", {}, 1000, lambda *_, found=state: found))
        assert shown["keyring"] == "private"
        assert shown["keyringReason"].isprintable()
        assert "x1b" in shown["keyringReason"]
