"""Plugin: contract tests for services of other teams, in pytest. It does nothing until a test asks for a fixture.

    @pytest.mark.contract("com.acme.shop/orders/1-0-0")
    def test_what_we_send(contract): contract.check(order_sent())

    @pytest.mark.contract("com.acme.shop/orders")
    def test_every_row_is_read(contract_row): read_order(contract_row)

pytest loads this module in every project that has the package installed, so it imports nothing that takes time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from streams.contracts.registry import SchemaSource
    from streams.testing.contract import ContractUnderTest

OPTION = "streams_schemas"
ROWS = 20
ROW, MISS = "contract_row", "contract_near_miss"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where contracts are."""
    told = "folder of contracts for @pytest.mark.contract (default: STREAMS_SCHEMAS, else schemas)"
    parser.addini(OPTION, told, default="")
    parser.getgroup("contract-streams").addoption("--streams-schemas", dest=OPTION, metavar="FOLDER", help=told)


def pytest_configure(config: pytest.Config) -> None:
    """The marker, also for ``--strict-markers``."""
    marker = "contract(dataset, rows=20, seed=1): the contract that a test is about, such as com.acme.shop/orders/1-0-0"
    config.addinivalue_line("markers", marker)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each row, and for each near miss."""
    wanted = [name for name in (ROW, MISS) if name in metafunc.fixturenames]
    if not wanted:
        return
    marker = metafunc.definition.get_closest_marker("contract")
    contract = _contract_of(marker, metafunc.config)
    if ROW in wanted:
        rows = contract.rows(ROWS if marker is None else marker.kwargs.get("rows", ROWS))
        metafunc.parametrize(ROW, rows, ids=[f"row{number}" for number in range(len(rows))])
    if MISS in wanted:
        misses = contract.near_misses()
        metafunc.parametrize(MISS, misses, ids=[f"{miss.path or 'row'}-{miss.code}" for miss in misses])


@pytest.fixture
def contract(request: pytest.FixtureRequest) -> ContractUnderTest:
    """The contract of the test's marker: ``check`` what is sent, make ``rows`` and ``near_misses``."""
    return _contract_of(request.node.get_closest_marker("contract"), request.config)


_KEPT = pytest.StashKey[dict[Any, Any]]()


def _contract_of(marker: pytest.Mark | None, config: pytest.Config) -> ContractUnderTest:
    """Read once a session."""
    from streams.testing.contract import ContractUnderTest

    if marker is None or len(marker.args) != 1:
        raise pytest.UsageError('name the contract: @pytest.mark.contract("com.acme.shop/orders/1-0-0")')
    asked = (str(marker.args[0]), int(marker.kwargs.get("seed", 1)))
    kept = config.stash.setdefault(_KEPT, {})
    if asked not in kept:
        try:
            kept[asked] = ContractUnderTest(asked[0], _folder(config), seed=asked[1], registry=_registry())
        except ValueError as error:
            raise pytest.UsageError(str(error)) from None
    found: ContractUnderTest = kept[asked]
    return found


def _registry() -> SchemaSource | None:
    """Of formats that name their schemas by id; it is asked when one comes."""
    from streams.contracts.registry_http import HttpRegistry
    from streams.settings import Settings

    url = Settings.from_env().registry_url()
    return HttpRegistry(url) if url else None


def _folder(config: pytest.Config) -> Any:
    told = config.getoption(OPTION) or config.getini(OPTION)
    if told:
        return config.rootpath / told
    from streams.settings import Settings

    return Settings.from_env().schemas
