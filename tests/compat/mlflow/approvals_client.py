"""An alias that asks for approval, through the unmodified client: the error names the request, and the alias stays."""
import cases
from mlflow import MlflowClient

client = MlflowClient()


def an_alias_that_asks_is_refused_with_the_request():
    client.create_model_version("guarded", "s3://elsewhere/model")
    for _ in range(2):
        problem = cases.raises("RESOURCE_CONFLICT", lambda: client.set_registered_model_alias("guarded", "champion", "1"))
        assert "apr_" in problem and "names no version yet" in problem, problem
    assert client.get_registered_model("guarded").aliases == {}
    cases.raises("INVALID_PARAMETER_VALUE", lambda: client.get_model_version_by_alias("guarded", "champion"))
    client.set_registered_model_alias("guarded", "challenger", "1")
    assert client.get_registered_model("guarded").aliases == {"challenger": "1"}


def the_stage_production_follows_the_alias():
    problem = cases.raises("RESOURCE_CONFLICT", lambda: client.transition_model_version_stage("guarded", "1", "Production"))
    assert "champion" in problem, problem
    assert client.get_model_version("guarded", "1").current_stage == "None"
    cases.raises("RESOURCE_CONFLICT", lambda: client.delete_registered_model_alias("guarded", "champion"))


cases.main([an_alias_that_asks_is_refused_with_the_request, the_stage_production_follows_the_alias])
