"""The posting action over real HTTP: a custom action of the sandbox's SBA, and an add-on's own address beside the web
services. GP is asked once, whatever becomes of the answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_connector.books.document import StandingState
from ml_connector.books.outcomes import Asked, Held, InDoubt, Posting
from ml_connector.gp import service_map
from ml_connector.gp.access import Access, Secret
from ml_connector.gp.posting import Poster
from ml_connector.gp.service_map import ServiceMap
from ml_connector.sandbox.company import GPCONNECT, Company, SoapApplication
from ml_connector.sandbox.faults import Fault
from ml_connector.sandbox.serving import Request, Response, Server
from tests.contract import test_books_sba as over_sba
from tests.contract import test_books_soap as over_soap
from tests.contract.books_contract import BATCH, BILLS, SP, SR, a_bill, an_invoice

CUSTOM = '[post]\npath = "PostingServices/System/Batches({source};{batch})"\n'


def a_map(dialect: str, post: str = CUSTOM) -> ServiceMap:
    return service_map.parse(f'based_on = "{over_sba.MAPS[dialect]}"\n{post}', "own")


def poster(gp: over_sba.Sandbox, post: str = CUSTOM, **access: Any) -> Poster:
    made = a_map(gp.dialect, post)
    assert made.post is not None
    return Poster(over_sba.access_of(gp.server, gp.dialect, **access), made, made.post, sleep=lambda _: None)


@pytest.fixture(params=sorted(over_sba.MAPS))
def gp(request: pytest.FixtureRequest) -> Iterator[over_sba.Sandbox]:
    """A company over SBA, with one invoice and one bill in batches of ours."""
    for ready in over_sba.sandbox(request.param):
        ready.books.enter(an_invoice(), BATCH)
        ready.books.enter(a_bill(), BILLS)
        yield ready


def asked(gp: over_sba.Sandbox) -> int:
    """How many posts of the action reached the server."""
    return gp.server.stats.calls["POST Batches"]


def state(gp: over_sba.Sandbox) -> StandingState:
    return gp.books.find(SR, ["STI10482"])["STI10482"].state


def says(answer: Posting) -> tuple[str, str]:
    assert isinstance(answer, Held), answer
    return answer.findings[0].code, answer.findings[0].says


def test_a_batch_is_posted_by_the_sites_action(gp: over_sba.Sandbox) -> None:
    """One request with the header and no body, receivables and payables each by their own source."""
    answer = poster(gp).post(SR, BATCH)
    assert isinstance(answer, Asked)
    assert b"GP-Custom-Action: POST" in answer.wire.request
    assert state(gp) is StandingState.OPEN
    assert gp.books.find(SP, ["STB7781"])["STB7781"].state is StandingState.WORK
    assert isinstance(poster(gp).post(SP, BILLS), Asked)
    assert gp.books.find(SP, ["STB7781"])["STB7781"].state is StandingState.OPEN
    assert asked(gp) == 2


@pytest.mark.parametrize(
    ("fault", "posted"),
    [
        (Fault.ANSWER_LOST_AFTER, True),
        (Fault.ANSWER_LOST_BEFORE, False),
        (Fault.SERVER_ERROR, False),
        (Fault.ERROR_AFTER, True),
        (Fault.HTML_WITH_200, False),
    ],
    ids=lambda it: it.value if isinstance(it, Fault) else "",
)
@pytest.mark.parametrize("signed_in", [True, False], ids=["signed in", "at sign-in"])
def test_an_answer_that_is_lost_or_not_understood_is_in_doubt(
    gp: over_sba.Sandbox, fault: Fault, posted: bool, signed_in: bool
) -> None:
    """Whether or not GP posted, we do not know, and we do not ask again."""
    one = poster(gp)
    if signed_in:
        one.post(SR, "NOSUCH")
    before = asked(gp)
    gp.suffer(fault)
    assert isinstance(one.post(SR, BATCH), InDoubt)
    assert asked(gp) - before == 1
    assert state(gp) is (StandingState.OPEN if posted else StandingState.WORK)


def test_a_batch_that_somebody_has_open_is_refused_in_gps_words(gp: over_sba.Sandbox) -> None:
    """GP did nothing, so it may be asked again."""
    gp.lock(BATCH, SR)
    code, words = says(poster(gp).post(SR, BATCH))
    assert code == "posting.refused"
    assert BATCH in words
    assert state(gp) is StandingState.WORK


@pytest.mark.parametrize(("series", "batch"), [(SR, "NOSUCH"), (SP, BATCH)], ids=["no such batch", "of another module"])
def test_a_batch_that_is_not_there_is_refused(gp: over_sba.Sandbox, series: Any, batch: str) -> None:
    code, words = says(poster(gp).post(series, batch))
    assert (code, "does not exist" in words) == ("posting.refused", True)


def test_an_action_that_the_site_does_not_have_is_refused(gp: over_sba.Sandbox) -> None:
    """The map names another action, or another path."""
    assert "custom action 'APPROVE'" in says(poster(gp, CUSTOM + 'value = "APPROVE"').post(SR, BATCH))[1]
    assert says(poster(gp, '[post]\npath = "Nothing/Batches({batch})"').post(SR, BATCH))[0] == "posting.refused"
    assert state(gp) is StandingState.WORK


@pytest.mark.parametrize(
    ("access", "code"),
    [
        ({"password": Secret("wrong")}, "gp.credentials"),
        ({"username": over_sba.NO_ROLE.name, "password": Secret(over_sba.NO_ROLE.password)}, "gp.forbidden"),
        ({"server": "http://127.0.0.1:1"}, "posting.refused"),
    ],
    ids=["wrong password", "no role", "nobody answers"],
)
def test_who_is_turned_away_at_the_door_has_asked_nothing(
    gp: over_sba.Sandbox, access: dict[str, Any], code: str
) -> None:
    """Held: GP certainly did nothing."""
    assert says(poster(gp, **access).post(SR, BATCH))[0] == code
    assert state(gp) is StandingState.WORK


def test_a_busy_server_has_done_nothing(gp: over_sba.Sandbox) -> None:
    gp.suffer(Fault.TOO_MANY_REQUESTS)
    assert "429" in says(poster(gp).post(SR, BATCH))[1]


@pytest.mark.parametrize("what", ["path", "address"])
def test_the_action_may_stand_elsewhere_on_the_server_or_on_another(gp: over_sba.Sandbox, what: str) -> None:
    """A path that begins with a slash is the server's; a whole address has its own host, and its own sign-in."""
    path = gp.application.root.replace(" ", "%20") + "PostingServices/System/Batches({source};{batch})"
    if what == "path":
        one = poster(gp, f'[post]\npath = "{path}"')
    else:
        one = poster(gp, f'[post]\npath = "{gp.server.url}{path}"', server="http://127.0.0.1:1")
    assert isinstance(one.post(SR, BATCH), Asked)
    assert state(gp) is StandingState.OPEN


class AddOn(SoapApplication):
    """Web services with somebody's posting page beside them."""

    def answer(self, request: Request) -> Response:
        batch = request.path.removeprefix("/AddOn/PostBatch/")
        if batch == request.path:
            return super().answer(request)
        told = self.company.do_post_batch(batch)
        return Response(200, b'{"ok": true}') if "refused" not in told else Response(500, b"")


def test_a_company_over_the_web_services_may_have_an_add_on(tmp_path: Path) -> None:
    """The add-on answers with a body of its own; what it cannot do it answers in a way that nobody understands."""
    company = Company.front_range()
    own = a_map("one", '[post]\npath = "/AddOn/PostBatch/{batch}"\nheader = ""')
    assert own.post is not None
    with Server(AddOn(company)) as server:
        books = over_soap.books_of(server.url, company, tmp_path)
        books.enter(an_invoice(), BATCH)
        access = Access(server.url, "", GPCONNECT.name, Secret(GPCONNECT.password))
        one = Poster(access, own, own.post, sleep=lambda _: None)
        company.do_lock_batch(BATCH)
        assert isinstance(one.post(SR, BATCH), InDoubt)
        company.do_unlock_batch(BATCH)
        assert isinstance(one.post(SR, BATCH), Asked)
        assert books.find(SR, ["STI10482"])["STI10482"].state is StandingState.OPEN
        one.close()
        books.close()


def test_a_batch_with_strange_letters_reaches_its_own_address(gp: over_sba.Sandbox) -> None:
    """What has a meaning in an address is written so that it has none."""
    code, _ = says(poster(gp).post(SR, "A;B/../C?x"))
    assert code == "posting.refused"
    assert state(gp) is StandingState.WORK
