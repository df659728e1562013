"""The explorer's server answers its own page alone, and ends when it is told to."""

from __future__ import annotations

import http.client
import json
import logging
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import urllib.request
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from face.test_odd_values import cases, raised

import flash
from flash.errors import ArgumentError, ArgumentTypeError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("dash")

SPACE = flash.DenseNet(width_multipliers=[1], depths=[4, 5, 6], skips=[0, 8, 16])


@pytest.fixture(scope="module")
def page() -> Iterator[flash.Explorer]:
    """Return a page that is served."""
    with flash.explore(SPACE, "rram", max_latency_ms=4.0, browser=False) as made:
        yield made


def port_of(page: flash.Explorer) -> int:
    found = re.match(r"http://127\.0\.0\.1:(\d+)/\?", page.address)
    assert found is not None
    return int(found[1])


def asked(
    page: flash.Explorer, path: str = "/", method: str = "GET", body: str | None = None,
    **headers: str,
) -> tuple[int, dict[str, str], str]:  # fmt: skip
    link = http.client.HTTPConnection("127.0.0.1", port_of(page), timeout=60)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    link.request(method, path, body, given)
    answer = link.getresponse()
    text = answer.read().decode()
    link.close()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, text


def test_its_address_has_the_state_and_is_this_machines(page: flash.Explorer) -> None:
    assert page.address.endswith("&max_latency_ms=4")
    assert page.title == "densenet on rram"
    assert repr(page) == f"<flash.Explorer of densenet on rram: {page.address}>"
    assert f'href="{page.address.replace("&", "&amp;")}"' in page._repr_html_()
    with socket.socket() as other:
        other.settimeout(5)
        # another address of this machine: nobody listens there
        assert other.connect_ex(("127.0.0.2", port_of(page))) != 0


def test_answers_are_those_of_search(page: flash.Explorer) -> None:
    def told(path: str, query: str) -> dict[str, Any]:
        body = json.dumps({"n": 7, "query": query})
        status, _, text = asked(page, path, "POST", body, Content_Type="application/json")
        assert status == 200
        found: dict[str, Any] = json.loads(text)
        assert found["n"] == 7
        return found

    result = flash.search(SPACE, "rram", max_latency_ms=1.0)
    answer = told("/answer", "max_latency_ms=1.0")
    (card,) = answer["cards"]
    assert (card["headline"], card["kind"]) == (f"NN-Degree {result.nn_degree:.6g}", "optimal")
    assert answer["here"] == [result.latency_ms, result.nn_degree]
    assert answer["limits"] == [1.0, None]
    assert "max_latency_ms" in told("/reasons", "max_latency_ms=1.0")["cards"][0]["binds"][0]
    (card,) = told("/answer", "max_latency_ms=1e-9")["cards"]
    assert (card["status"], card["kind"]) == ("nothing fits", "infeasible")
    assert told("/reasons", "max_latency_ms=1e-9")["cards"][0]["changes"]
    (card,) = told("/answer", "where=depth_7+%3D%3D+1")["cards"]
    assert (card["headline"], card["kind"]) == ("Not accepted", "error")
    assert "depth_7" in card["proof"]


class Loads(HTMLParser):
    """What a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_loads_from_its_own_server_alone(page: flash.Explorer) -> None:
    status, headers, text = asked(page)
    assert status == 200
    loads = Loads()
    loads.feed(text)
    assert any("explore.js" in one for one in loads.found)
    assert all(one.startswith(("/", "data:")) and one[:2] != "//" for one in loads.found)
    policy = dict(one.split(" ", 1) for one in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert re.fullmatch(r"'self'( 'sha256-[\w+/=]+')+", policy["script-src"])
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert not any(name.startswith("access-control") for name in headers)
    assert "werkzeug" not in headers["server"].lower()


@pytest.mark.parametrize(
    "path", ["/", "/_dash-layout", "/_dash-dependencies", "/assets/explore.js"]
)
def test_only_its_own_page_is_answered(page: flash.Explorer, path: str) -> None:
    port = port_of(page)
    for host in (f"127.0.0.1:{port}", f"localhost:{port}"):
        assert asked(page, path, Host=host)[0] == 200
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", ""):
        assert asked(page, path, Host=host)[0] == 403, host
    own = f"http://127.0.0.1:{port}"
    assert asked(page, path, Origin=own, Sec_Fetch_Site="same-origin")[0] == 200
    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}", own + "0"):
        assert asked(page, path, Origin=origin)[0] == 403, origin
    for site in ("cross-site", "same-site"):
        assert asked(page, path, Sec_Fetch_Site=site)[0] == 403
        assert asked(page, path, Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate",
                     Sec_Fetch_Dest="iframe", Sec_Fetch_User="?1")[0] == 403  # fmt: skip


def test_a_link_elsewhere_leads_to_it_where_a_person_clicks(page: flash.Explorer) -> None:
    click = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    click |= {"Sec_Fetch_Dest": "document", "Sec_Fetch_User": "?1"}
    assert asked(page, "/?max_latency_ms=3", **click)[0] == 200
    assert asked(page, "/_dash-layout", **click)[0] == 403


def test_broken_requests_are_refused_without_a_word(
    page: flash.Explorer, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "flash.exploring")
    own = {"Content_Type": "application/json"}
    for body in ("", "{", "[]", '{"output": 5}', json.dumps({"output": "x.y", "inputs": []})):
        status, _, text = asked(page, "/_dash-update-component", "POST", body, **own)
        assert status in (400, 500), (body, status)
        assert "Traceback" not in text
        assert str(flash.__path__[0]) not in text
    for path in ("/answer", "/reasons"):
        for body in ("", "[]", "{}", '{"n": "1", "query": ""}', '{"n": 1}', '{"n": 1, "query": 5}'):
            assert asked(page, path, "POST", body, **own)[0] == 400, (path, body)
        # a form of another page can send this, without being asked whether it may
        body = '{"n": 1, "query": ""}'
        assert asked(page, path, "POST", body, Content_Type="text/plain")[0] == 415
    assert asked(page, "/_dash-update-component", "POST", "x" * (1 << 21), **own)[0] == 413
    assert asked(page, "/../../etc/passwd")[0] in (200, 404)
    assert asked(page)[0] == 200
    assert capfd.readouterr() == ("", "")


def test_it_outlives_a_lost_browser(
    page: flash.Explorer, capfd: pytest.CaptureFixture[str]
) -> None:
    for sent in (b"", b"GET / HTTP/1.1\r\n", b"GET /_dash-component-suites/plotly HTTP/1.1\r\n"):
        lost = socket.create_connection(("127.0.0.1", port_of(page)))
        lost.sendall(sent)
        if sent:
            lost.sendall(f"Host: 127.0.0.1:{port_of(page)}\r\n\r\n".encode())
        # reset: what is sent to it fails
        lost.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        lost.close()
    assert asked(page)[0] == 200
    assert capfd.readouterr() == ("", "")


def test_a_port_that_is_taken(page: flash.Explorer) -> None:
    port = port_of(page)
    with pytest.raises(ArgumentError, match=f"port {port} is taken by another program: give an"):
        flash.explore(SPACE, "rram", port=port, browser=False)
    for wrong in (0, 65536, -1):
        with pytest.raises(ArgumentError, match=r"port must be an integer from 1 to 65535"):
            flash.explore(SPACE, "rram", port=wrong, browser=False)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"max_latency_ms": -1.0}, "latency at most -1.0 is not accepted"),
        ({"objectives": "latency_ms"}, "objectives must be a list of two or three names"),
        ({"objectives": ["latency_ms"]}, "a front has two or three objectives"),
        ({"objective": {"sum": {"accuracy": 1}}}, 'objective must be "accuracy" or exponents'),
        ({"objective": "speed"}, 'objective must be "accuracy" or exponents'),
        ({"min_accuracy": 0.5}, "min_accuracy needs a predictor"),
        ({"confidence": 2.0}, "confidence must lie between 0.5 and 0.99"),
        ({"epsilon": -1.0}, "epsilon must be"),
        ({"browser": 3}, "browser must be"),
        ({"where": 5}, "where must be a condition or a list"),
        ({"minimize": "loss"}, "minimize is of a table of choices"),
    ],
)
def test_what_is_not_accepted_is_told_before_anything_is_served(
    more: dict[str, Any], told: str
) -> None:
    given: dict[str, Any] = {"browser": False, **more}
    with pytest.raises((ArgumentError, ArgumentTypeError), match=re.escape(told)):
        flash.explore(SPACE, "rram", **given)
    assert not [one for one in threading.enumerate() if one.name == "flash explore"][1:]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_odd_values_are_refused_by_flash_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing:
        port = 1

        def close(self) -> None:
            pass

    monkeypatch.setattr("flash.exploring.serving.served", lambda *_: Nothing())
    monkeypatch.setattr("webbrowser.open", lambda _: None)
    small = flash.DenseNet(width_multipliers=[1], cells=1, depths=[4, 5], skips=[0, 8])
    good = {"what": small, "target": "rram", "browser": False}
    assert not raised(cases(flash.explore, good))


def test_an_explorer_is_made_by_explore_alone() -> None:
    with pytest.raises(ArgumentTypeError, match=r"an Explorer is made by flash\.explore"):
        flash.Explorer()


def test_closing_ends_it() -> None:
    made = flash.explore(SPACE, "rram", browser=False)
    ended = threading.Thread(target=made.wait)
    ended.start()
    made.close()
    made.close()
    ended.join(30)
    assert not ended.is_alive()
    with pytest.raises(OSError, match=r"."):
        urllib.request.urlopen(made.address, timeout=5)


def test_the_browser_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr("webbrowser.open", seen.append)
    with flash.explore(SPACE, "rram") as made:
        assert seen == [made.address]


def test_without_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dash", None)
    with pytest.raises(MissingExtraError, match=r"the explorer needs dash: pip install 'dash>="):
        flash.explore(SPACE, "rram", browser=False)


@pytest.mark.processes
@pytest.mark.slow
def test_ctrl_c_ends_the_command_quietly(tmp_path: Path) -> None:
    words = ["explore", "densenet", "rram", "--depths", "4,5", "--skips", "0", "--no-browser"]
    with subprocess.Popen(
        [sys.executable, "-m", "flash", *words, "--max-latency-ms", "4"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"densenet on rram: (http://127\.0\.0\.1:\d+/\?\S+)\n", line)
        assert found is not None, line
        with urllib.request.urlopen(found[1], timeout=60) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stdout.read() == "Ctrl-C ends it\n"
        assert process.stderr.read() == ""
