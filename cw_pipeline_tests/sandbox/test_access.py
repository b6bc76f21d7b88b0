import pytest
import requests

from cw_pipeline.sandbox import Sandbox
from cw_pipeline.sandbox.connectwise.rights import Right
from cw_pipeline_tests.sandbox.conftest import Api, connectwise_api, document, new_session


def test_company_info_needs_no_credentials(shared: Sandbox) -> None:
    with new_session(shared) as session:
        known = session.get(f"{shared.url}/login/companyinfo/sandbox", timeout=10)
        unknown = session.get(f"{shared.url}/login/companyinfo/nobody", timeout=10)
    assert (known.json()["Codebase"], known.json()["CompanyID"]) == ("v4_6_release/", "sandbox")
    assert (unknown.status_code, unknown.json()) == (200, None)


def test_the_certificate_is_not_trusted_without_the_bundle(shared: Sandbox) -> None:
    with new_session(shared) as session:
        session.verify = True
        with pytest.raises(requests.exceptions.SSLError):
            session.get(f"{shared.url}/login/companyinfo/sandbox", timeout=10)


@pytest.mark.parametrize(("setting", "status"), [(401, 401), (404, 404)])
def test_a_wrong_key_is_answered_as_the_switch_says(sandbox: Sandbox, api: Api, setting: int, status: int) -> None:
    sandbox.connectwise.change_settings(bad_credentials_status=setting)
    api.session.auth = ("sandbox+sandboxPublicKey1", "wrong")
    assert api.get("/company/companies").status_code == status


def test_requests_without_credentials_or_client_id_are_refused(sandbox: Sandbox, api: Api) -> None:
    del api.session.headers["clientId"]
    assert api.get("/company/companies/count").status_code == 401
    sandbox.connectwise.change_settings(missing_client_id_status=403)
    assert api.get("/company/companies/count").status_code == 403
    api.session.auth = None
    assert document(api.get("/company/companies/count"))["code"] == "Unauthorized"


def test_the_version_asked_for_is_echoed(reader: Api) -> None:
    answer = reader.get("/company/companies/count", {"Accept": "application/vnd.connectwise.com+json; version=2025.1"})
    assert answer.headers["api-current-version"] == "2025.1"
    assert answer.headers["x-cw-request-id"]


def test_after_an_upgrade_the_old_codebase_does_not_exist(sandbox: Sandbox, api: Api) -> None:
    sandbox.connectwise.change_settings(codebase="v2026_2/")
    old = api.get("/company/companies")
    assert (old.status_code, document(old)["message"]) == (404, "The endpoint does not exist.")
    api.base = f"{sandbox.url}/v2026_2/apis/3.0"
    assert api.get("/company/companies").status_code == 200


READS = (
    ("/company/companies", Right.COMPANY_INQUIRE),
    ("/company/companies/count", Right.COMPANY_INQUIRE),
    ("/company/companies/101", Right.COMPANY_INQUIRE),
    ("/company/companies/types", Right.TABLE_SETUP_INQUIRE),
    ("/company/companies/statuses", Right.TABLE_SETUP_INQUIRE),
    ("/finance/agreements", Right.AGREEMENTS_INQUIRE),
    ("/finance/agreements/1001", Right.AGREEMENTS_INQUIRE),
    ("/finance/agreementrecap/", Right.AGREEMENTS_INQUIRE),
    ("/finance/agreementrecap/1001", Right.AGREEMENTS_INQUIRE),
    ("/finance/billingCycles", Right.TABLE_SETUP_INQUIRE),
    ("/finance/billingCycles/2", Right.TABLE_SETUP_INQUIRE),
    ("/finance/agreements/1001/additions", Right.AGREEMENTS_INQUIRE),
    ("/finance/agreements/1001/additions/count", Right.AGREEMENTS_INQUIRE),
    ("/finance/agreements/1001/additions/5001", Right.AGREEMENTS_INQUIRE),
    ("/procurement/catalog", Right.CATALOG_INQUIRE),
    ("/procurement/catalog/3", Right.CATALOG_INQUIRE),
    ("/procurement/types", Right.TABLE_SETUP_INQUIRE),
    ("/procurement/subcategories/", Right.TABLE_SETUP_INQUIRE),
    ("/procurement/unitOfMeasures", Right.TABLE_SETUP_INQUIRE),
)


def test_every_read_works_with_the_least_role_and_not_without_its_right(sandbox: Sandbox, api: Api) -> None:
    for path, right in READS:
        assert api.get(path).status_code == 200, path
        role = sandbox.connectwise.role
        sandbox.connectwise.set_role(role - {right})
        refused = api.get(path)
        sandbox.connectwise.set_role(role)
        assert refused.status_code == 403, path
        assert document(refused) == {
            "code": "Security",
            "message": "You do not have security permission to perform this action.",
            "errors": None,
        }


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/finance/agreements/1001/additions/5001"),
        ("PATCH", "/procurement/catalog/3"),
        ("DELETE", "/procurement/catalog/3"),
        ("POST", "/company/companies"),
        ("PATCH", "/company/companies/101"),
    ],
)
def test_the_least_role_may_not_write_anything_else(reader: Api, method: str, path: str) -> None:
    assert reader.send(method, path).status_code == 403


@pytest.mark.parametrize("path", ["/finance/agreements/1001/additions/5001", "/finance/agreements/1001"])
def test_an_allowed_write_that_is_not_simulated_says_so(reader: Api, path: str) -> None:
    assert reader.send("PUT", path).status_code == 405


def test_writes_need_their_own_rights(sandbox: Sandbox, api: Api) -> None:
    sandbox.connectwise.set_role([Right.AGREEMENTS_INQUIRE, Right.CATALOG_INQUIRE])
    assert api.post("/finance/agreements/1001/additions", {}).status_code == 403
    assert api.patch("/finance/agreements/1001/additions/5001", []).status_code == 403
    assert api.post("/procurement/catalog", {}).status_code == 403


def test_a_narrowed_role_hides_agreements_without_an_error(sandbox: Sandbox, api: Api) -> None:
    before = document(api.get("/finance/agreements/count"))["count"]
    sandbox.connectwise.change_settings(hidden_agreement_types=[2])
    assert document(api.get("/finance/agreements/count"))["count"] < before


def test_the_recap_may_need_a_right_of_its_own(sandbox: Sandbox, api: Api) -> None:
    sandbox.connectwise.change_settings(agreement_recap=False)
    assert [api.get(f"/finance/agreementrecap/{key}").status_code for key in ("", 1001)] == [403, 403]
    assert api.get("/finance/agreements/1001").status_code == 200


def test_too_many_requests_are_told_when_to_come_back(sandbox: Sandbox) -> None:
    sandbox.connectwise.change_settings(requests_per_minute=2)
    api = connectwise_api(sandbox)
    with api.session:
        statuses = [api.get("/company/companies/count").status_code for _ in range(2)]
        refused = api.get("/company/companies/count")
        sandbox.connectwise.change_settings(retry_after_as_date=True)
        dated = api.get("/company/companies/count")
    assert [*statuses, refused.status_code] == [200, 200, 429]
    assert document(refused)["error"] == "ConnectWiseAPI"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert dated.headers["Retry-After"].endswith(" GMT")


def test_unknown_endpoints_methods_and_records(reader: Api) -> None:
    assert document(reader.get("/finance/nothing"))["message"] == "The endpoint does not exist."
    assert reader.get("/procurement/subcategories").status_code == 404
    assert reader.send("DELETE", "/company/companies/count").status_code == 405
    missing = reader.get("/finance/agreements/9")
    assert (missing.status_code, document(missing)["message"]) == (404, "Agreement 9 not found")
    assert document(reader.get("/finance/agreements/1001/additions/9"))["code"] == "NotFound"
