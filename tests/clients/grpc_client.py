#!/usr/bin/env python3
"""A client that knows nothing of Fanfare but an address: it learns every service and message by gRPC reflection.

    python3 tests/clients/grpc_client.py .fanfare/endpoints.json

Needs a running hub (`make up`) and the packages of requirements.txt. Prints "N passed, N failed".
"""

import json
import sys
import uuid

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

SECONDS = 15


class Server:
    """One service of the hub: its descriptors, and calls of any method by name."""

    def __init__(self, url):
        self.channel = grpc.insecure_channel(url.split("://", 1)[1])
        self.reflection = ProtoReflectionDescriptorDatabase(self.channel)
        self.pool = descriptor_pool.DescriptorPool(self.reflection)

    def services(self):
        return set(self.reflection.get_services())

    def call(self, method, token=None, **fields):
        """The answer of `package.Service/Method`; a stream of answers when the method streams."""
        service_name, method_name = method.split("/")
        described = self.pool.FindServiceByName(service_name).methods_by_name[method_name]
        request = message_factory.GetMessageClass(described.input_type)(**fields)
        answer = message_factory.GetMessageClass(described.output_type)
        kind = self.channel.unary_stream if described.server_streaming else self.channel.unary_unary
        stub = kind(f"/{method}", request_serializer=type(request).SerializeToString, response_deserializer=answer.FromString)
        metadata = [("authorization", f"Bearer {token}")] if token else []
        return stub(request, metadata=metadata, timeout=SECONDS)


def health(server, service=""):
    """grpc.health.v1 is a standard every client ships; it is written out here since reflection need not know it."""
    file = descriptor_pb2.FileDescriptorProto(name="health.proto", package="grpc.health.v1", syntax="proto3")
    text, enum = descriptor_pb2.FieldDescriptorProto.TYPE_STRING, descriptor_pb2.FieldDescriptorProto.TYPE_INT32
    for name, field, kind in [("HealthCheckRequest", "service", text), ("HealthCheckResponse", "status", enum)]:
        message = file.message_type.add(name=name)
        message.field.add(name=field, number=1, type=kind, label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    request, answer = (
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"grpc.health.v1.{name}"))
        for name in ("HealthCheckRequest", "HealthCheckResponse")
    )
    stub = server.channel.unary_unary(
        "/grpc.health.v1.Health/Check", request_serializer=request.SerializeToString, response_deserializer=answer.FromString
    )
    return stub(request(service=service), timeout=SECONDS).status


def refused(code, call, *args, **fields):
    """The error with which a call is refused, which must have this code."""
    try:
        answer = call(*args, **fields)
    except grpc.RpcError as error:
        assert error.code() == code, f"{error.code()} instead of {code}: {error.details()}"
        return error
    raise AssertionError(f"not refused, but answered: {answer}")


class Client:
    """What is checked. Each test_ method stands alone."""

    CAMPAIGNS = "fanfare.campaign.v1.CampaignService"
    ANALYTICS = "fanfare.analytics.v1.AnalyticsService"
    AREAS = {
        "campaign.v1.CampaignService",
        "contact.v1.ContactService",
        "contact.v1.ListService",
        "optout.v1.OptOutService",
        "sender.v1.SenderService",
        "template.v1.TemplateService",
        "workspace.v1.WorkspaceService",
    }

    def __init__(self, endpoints):
        self.api = Server(endpoints["campaign_api"])
        self.analytics = Server(endpoints["analytics"])
        self.admin, self.agent = endpoints["admin_token"], endpoints["agent_token"]

    def draft(self, token=None):
        """A new draft; drafts may be incomplete."""
        name = f"Reflected {uuid.uuid4()}"
        fields = {"settings": {"name": name}, "request_id": str(uuid.uuid4())}
        return name, self.api.call(f"{self.CAMPAIGNS}/CreateCampaign", token or self.agent, **fields).campaign

    def test_reflection_lists_every_service(self):
        missing = {f"fanfare.{area}" for area in self.AREAS} - self.api.services()
        assert not missing, f"campaign-api does not list {missing}"
        assert self.ANALYTICS in self.analytics.services(), self.analytics.services()

    def test_health_says_serving_without_a_token(self):
        for server in (self.api, self.analytics):
            assert health(server) == 1

    def test_a_campaign_is_created_and_read_back(self):
        name, created = self.draft()
        read = self.api.call(f"{self.CAMPAIGNS}/GetCampaign", self.agent, id=created.id).campaign
        assert read.settings.name == name
        status = read.DESCRIPTOR.fields_by_name["status"].enum_type.values_by_number[read.status].name
        assert status == "CAMPAIGN_STATUS_DRAFT", status

    def test_the_same_request_twice_makes_one_campaign(self):
        fields = {"settings": {"name": f"Once {uuid.uuid4()}"}, "request_id": str(uuid.uuid4())}
        first, second = (self.api.call(f"{self.CAMPAIGNS}/CreateCampaign", self.agent, **fields).campaign for _ in range(2))
        assert first.id == second.id

    def test_a_call_without_a_token_is_unauthenticated(self):
        refused(grpc.StatusCode.UNAUTHENTICATED, self.api.call, f"{self.CAMPAIGNS}/ListCampaigns")
        refused(grpc.StatusCode.UNAUTHENTICATED, self.analytics.call, f"{self.ANALYTICS}/GetCampaignStats", campaign_id="x")

    def test_a_forged_token_is_unauthenticated(self):
        head, claims, signature = self.admin.split(".")
        forged = ".".join([head, claims, ("B" if signature[0] == "A" else "A") + signature[1:]])
        refused(grpc.StatusCode.UNAUTHENTICATED, self.api.call, f"{self.CAMPAIGNS}/ListCampaigns", forged)

    def test_an_agent_may_not_approve(self):
        _, campaign = self.draft()
        refused(grpc.StatusCode.PERMISSION_DENIED, self.api.call, f"{self.CAMPAIGNS}/ApproveCampaign", self.agent, id=campaign.id)

    def test_an_illegal_move_is_refused_with_the_state(self):
        _, campaign = self.draft()
        error = refused(grpc.StatusCode.FAILED_PRECONDITION, self.api.call, f"{self.CAMPAIGNS}/SendCampaign", self.admin, id=campaign.id)
        details = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
        assert b"google.rpc.ErrorInfo" in details, error

    def test_a_field_at_fault_is_named(self):
        request = {"settings": {"name": ""}, "request_id": str(uuid.uuid4())}
        error = refused(grpc.StatusCode.INVALID_ARGUMENT, self.api.call, f"{self.CAMPAIGNS}/CreateCampaign", self.agent, **request)
        details = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
        assert b"google.rpc.BadRequest" in details and b"name" in details, error

    def test_what_is_not_there_is_not_found(self):
        refused(grpc.StatusCode.NOT_FOUND, self.api.call, f"{self.CAMPAIGNS}/GetCampaign", self.agent, id=str(uuid.uuid4()))

    def test_watching_yields_figures(self):
        _, campaign = self.draft()
        stream = self.analytics.call(f"{self.ANALYTICS}/WatchCampaignStats", self.agent, campaign_id=campaign.id)
        first = next(stream).stats
        stream.cancel()
        assert first.campaign_id == campaign.id and first.campaign_status == "DRAFT", first


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        client = Client(json.load(file))
    passed = failed = 0
    for name in (name for name in dir(client) if name.startswith("test_")):
        try:
            getattr(client, name)()
            passed += 1
            print(f"ok    {name[5:]}")
        except Exception as error:  # every test is run, whatever the one before did
            failed += 1
            print(f"FAIL  {name[5:]}: {type(error).__name__}: {error}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
