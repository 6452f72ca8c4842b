import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks import addresses
from webhooks.addresses import RefusedUrl, check_url, host_of, is_refused, parse_networks, resolve, wire_url

REFUSED_ADDRESSES = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.255.255.255
168.63.129.16 169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1
192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1 192.168.255.255 192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.7
203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1
64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 100:0:0:1::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2
2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:a9fe:a9fe:: 2002:808:808:: 2620:4f:8000::1 3fff::1 4000::1 5f00::1
fc00::1 fd00::1 fd00:ec2::254 fd20:ce::254 fe80::1 fe80::1%eth0 febf::1 fec0::1 feff::1 ff02::1 ff0e::1
"""
PUBLIC_ADDRESSES = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 168.63.129.15 168.63.129.17
169.253.255.255 172.15.255.255 172.32.0.0 192.0.1.1 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0
223.255.255.255 2606:4700:4700::1111 2a00:1450:4001:81c::200e 2001:4860:4860::8888
"""
REFUSED_URLS = """
http://127.0.0.1/ http://127.1/ http://127.0.1/ http://0177.0.0.1/ http://0x7f.0.0.1/ http://0x7f000001/ http://0X7F.1/
http://2130706433/ http://017700000001/ http://0/ http://0.0.0.0/ http://1/ http://127.0.0.1./ http://2852039166/
http://0xa9fea9fe/ http://0251.0376.0251.0376/ http://169.254.169.254/latest/meta-data/ http://10.1/ http://192.168.257/
http://[::1]/ http://[::]/ http://[::ffff:127.0.0.1]/ http://[::ffff:7f00:1]/ http://[::127.0.0.1]/ http://[fe80::1]/
http://[fe80::1%25lo]/ http://[64:ff9b::127.0.0.1]/ http://[2002:7f00:1::]/ http://[fd00:ec2::254]/ http://[fec0::1]/
http://[0:0:0:0:0:ffff:127.0.0.1]:8080/ http://localhost/ http://LOCALHOST/ http://localhost./ http://app.localhost/
http://①②⑦.0.0.1/ http://127。0。0。1/ http://１２７.0.0.1/ http://ｌｏｃａｌｈｏｓｔ/ http://168.63.129.16/
"""
NOT_URLS = """
example.com //example.com/ /path ftp://example.com/ file:///etc/passwd javascript:alert(1) gopher://example.com/
data:text/plain,x ws://example.com/ http: http:// http:/// http:example.com http:///example.com https://? http://#x
http://user@example.com/ http://user:pass@example.com/ http://@example.com/ http://:@example.com/
http://example.com:0/ http://example.com:65536/ http://example.com:port/ http://example.com:-1/ http://[::1/ http://::1/
http://[127.0.0.1]/ http://[example.com]/ http://256.256.256.256/ http://1.2.3.4.5/ http://1.2.3.0x/ http://09/
http://example..com/ http://.example.com/ http://-example.com/ http://exa%6dple.com/ http://127.0.0.1%2f@example.com/
http://exam$ple.com/ http://example.com,evil.com/ http://example.com\\@127.0.0.1/ http://a.0x7f/ http://💩..x/
http://[v1.fe80]/ http://[vF.127.0.0.1]/
"""
BLANKS = [
    "",
    " http://example.com/",
    "http://example.com/ ",
    "http://exa mple.com/",
    "http://example.com/\r\nHost: x",
    "http://example.com/\t",
    "http://example.com/\x00",
    "http://example.com/\x7f",
    "http://" + "a" * 64 + ".com/",
    "http://" + ".".join(["a" * 50] * 6) + "/",
    "http://example.com/" + "x" * 2048,
    "http://\udc00.example.com/",
]


@pytest.mark.parametrize("address", REFUSED_ADDRESSES.split())
def test_refuses_every_address_that_is_not_public(address: str) -> None:
    assert is_refused(address)


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES.split())
def test_passes_public_addresses(address: str) -> None:
    assert not is_refused(address)


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "1.2.3.4.5", "/run/app.sock"])
def test_refuses_what_is_no_address(text: str) -> None:
    assert is_refused(text)


@given(st.ip_addresses(v=4))
def test_no_embedding_smuggles_an_ipv4_address(address: object) -> None:
    assert is_refused(f"::ffff:{address}")
    assert is_refused(f"::{address}")
    assert is_refused(f"64:ff9b::{address}")


def test_exceptions_of_the_operator_open_their_networks_only() -> None:
    allowed = parse_networks(["127.0.0.0/8", " ::1/128 ", ""])
    assert not is_refused("127.0.0.1", allowed)
    assert not is_refused("::1", allowed)
    assert is_refused("10.0.0.1", allowed)
    assert is_refused("::ffff:127.0.0.1", allowed)


@pytest.mark.parametrize("text", ["127.0.0.1/8", "localhost", "10.0.0.0/33"])
def test_malformed_networks_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_networks([text])


@pytest.mark.parametrize("url", REFUSED_URLS.split())
def test_refuses_urls_of_private_places_however_spelt(url: str) -> None:
    with pytest.raises(RefusedUrl, match="private or reserved"):
        check_url(url)


@pytest.mark.parametrize("url", NOT_URLS.split() + BLANKS)
def test_refuses_what_is_no_plain_http_url(url: str) -> None:
    with pytest.raises(RefusedUrl):
        check_url(url)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Example.COM/hook?x=1", "example.com"),
        ("http://example.com.:8080", "example.com"),
        ("http://my_host.example/", "my_host.example"),
        ("http://[2606:4700:4700::1111]:8080/", "2606:4700:4700::1111"),
        ("https://münchen.example/ä", "xn--mnchen-3ya.example"),
        ("https://xn--mnchen-3ya.example/", "xn--mnchen-3ya.example"),
        ("https://例え.example/", "xn--r8jz45g.example"),
        ("https://1password.example/", "1password.example"),
    ],
)
def test_reads_the_host_of_a_good_url(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize("url", ["http://8.8.8.8/", "http://[2606:4700:4700::1111]/", "http://nowhere.invalid/"])
def test_accepts_public_literals_and_names_that_do_not_resolve_today(url: str) -> None:
    check_url(url)


def test_accepts_a_private_place_that_the_operator_has_opened() -> None:
    check_url("http://127.0.0.1:8000/", allowed=parse_networks(["127.0.0.0/8"]))
    check_url("http://localhost:8000/", allowed=parse_networks(["127.0.0.0/8", "::1/128"]))


def test_every_address_of_a_name_must_be_open() -> None:
    with pytest.raises(RefusedUrl, match="private or reserved"):
        check_url("http://localhost:8000/", allowed=parse_networks(["127.0.0.0/8"]))


def test_https_can_be_required() -> None:
    with pytest.raises(RefusedUrl, match="must use https"):
        check_url("http://8.8.8.8/", require_https=True)
    check_url("https://8.8.8.8/", require_https=True)


def test_resolves_real_names_and_gives_none_for_unknown_ones() -> None:
    assert resolve("localhost") == ["127.0.0.1", "::1"]
    assert resolve("8.8.8.8") == ["8.8.8.8"]
    assert resolve("nowhere.invalid") == []


def test_a_look_up_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    finish = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: finish.wait() and [])
    assert resolve("slow.example", seconds=0.01) == []
    finish.set()


def test_hung_look_ups_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_resolving", threading.BoundedSemaphore(1))
    addresses._resolving.acquire()
    assert resolve("8.8.8.8") == []


@pytest.mark.parametrize(
    ("url", "wire"),
    [
        ("https://example.com/a%20b?c=d", "https://example.com/a%20b?c=d"),
        (
            "https://münchen.example:8443/grüße?q=ä&r=%20",
            "https://xn--mnchen-3ya.example:8443/gr%C3%BC%C3%9Fe?q=%C3%A4&r=%20",
        ),
        ("https://example.com/€", "https://example.com/%E2%82%AC"),
    ],
)
def test_the_request_line_gets_an_ascii_url(url: str, wire: str) -> None:
    assert wire_url(url) == wire
