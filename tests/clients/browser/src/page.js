// Runs inside the browser. Each test throws when something is not as it should be.

import { Code, ConnectError } from "@connectrpc/connect";
import { Channel } from "../generated/fanfare/common/v1/common_pb.js";
import { BadRequestSchema, ErrorInfoSchema } from "../generated/google/rpc/error_details_pb.js";
import { connect } from "./hub.js";

const PEOPLE = 5;

function must(holds, message) {
  if (!holds) throw new Error(message);
}

/** The error with which a call is refused, which must have this code. */
async function refused(code, call) {
  let answer;
  try {
    answer = await call();
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    must(error.code === code, `${Code[error.code]} instead of ${Code[code]}: ${error.message}`);
    return error;
  }
  throw new Error(`not refused, but answered ${JSON.stringify(answer, (_, value) => (typeof value === "bigint" ? `${value}` : value))}`);
}

const unique = () => crypto.randomUUID();

/** A campaign to five new people over the sandbox's SendGrid, approved and ready to send. */
async function makeCampaign({ admin, agent }) {
  const { list } = await agent.lists.createList({ name: `Browser ${unique()}`, requestId: unique() });
  for (let i = 0; i < PEOPLE; i++) {
    const contact = { name: `Reader ${i}`, email: `reader-${unique()}@example.com` };
    await agent.contacts.upsertContact({ contact, listIds: [list.id] });
  }
  const html = '<p>Hello {{ name }}</p><p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>';
  const content = { email: { subject: "Hello", html } };
  const { template } = await agent.templates.createTemplate({ name: `Browser ${unique()}`, content, requestId: unique() });
  const { senders } = await admin.senders.listSenders({ pageSize: 100 });
  const sender = senders.find((one) => one.channel === Channel.EMAIL && one.provider === "sendgrid");
  must(sender, "the hub has no SendGrid sender: start it with `make up`");
  const channels = [{ channel: Channel.EMAIL, senderId: sender.id }];
  const settings = { name: "From a browser", templateId: template.id, channels, listIds: [list.id] };
  const { campaign } = await agent.campaigns.createCampaign({ settings, requestId: unique() });
  await agent.campaigns.submitCampaign({ id: campaign.id });
  await admin.campaigns.approveCampaign({ id: campaign.id });
  return campaign;
}

const TESTS = {
  async "a unary call answers"({ agent, endpoints }) {
    const { workspace } = await agent.workspaces.getWorkspace({});
    must(workspace.id === endpoints.workspace_id, `workspace ${workspace.id}`);
  },

  async "a call without a token is unauthenticated"({ nobody }) {
    await refused(Code.Unauthenticated, () => nobody.workspaces.getWorkspace({}));
  },

  async "an agent may not approve"({ agent }) {
    const { campaign } = await agent.campaigns.createCampaign({ settings: { name: "Draft" }, requestId: unique() });
    await refused(Code.PermissionDenied, () => agent.campaigns.approveCampaign({ id: campaign.id }));
  },

  async "a field at fault is named in the error's details"({ agent }) {
    const error = await refused(Code.InvalidArgument, () => agent.campaigns.createCampaign({ settings: { name: "" }, requestId: unique() }));
    const [details] = error.findDetails(BadRequestSchema);
    const fields = details?.fieldViolations.map((violation) => violation.field) ?? [];
    must(fields.some((field) => field.includes("name")), `fields at fault: ${fields}`);
  },

  async "an illegal move says why for programs"({ agent, admin }) {
    const { campaign } = await agent.campaigns.createCampaign({ settings: { name: "Draft" }, requestId: unique() });
    const error = await refused(Code.FailedPrecondition, () => admin.campaigns.sendCampaign({ id: campaign.id }));
    const [info] = error.findDetails(ErrorInfoSchema);
    must(info?.reason, "no ErrorInfo with a reason");
  },

  async "a stream gives the figures as they change"(people) {
    const campaign = await makeCampaign(people);
    const stream = people.agent.analytics.watchCampaignStats({ campaignId: campaign.id, quietAfterSeconds: 1 });
    const seen = [];
    for await (const { stats } of stream) {
      seen.push(stats);
      // Sent only once the stream is known to be open, so that a change must come through it.
      if (seen.length === 1) await people.admin.campaigns.sendCampaign({ id: campaign.id });
    }
    const last = seen.at(-1);
    must(seen.length >= 2, `${seen.length} messages`);
    must(last.campaignStatus === "COMPLETED", `ended as ${last.campaignStatus}`);
    const [email] = last.channels;
    const done = email.sent + email.rejected;
    must(email.target === BigInt(PEOPLE) && done === BigInt(PEOPLE), `target ${email.target}, sent or refused ${done}`);
  },
};

/** All tests, one after the other. */
window.runTests = async (endpoints) => {
  const people = {
    endpoints,
    admin: connect(endpoints, endpoints.admin_token),
    agent: connect(endpoints, endpoints.agent_token),
    nobody: connect(endpoints),
  };
  const results = [];
  for (const [name, test] of Object.entries(TESTS)) {
    const failure = await test(people).then(() => null, (error) => `${error}`);
    results.push({ name, failure });
  }
  return results;
};

/** What one call comes to on a page that the hub does not allow. */
window.tryCall = async (endpoints) => {
  try {
    await connect(endpoints, endpoints.agent_token).workspaces.getWorkspace({});
    return "answered";
  } catch (error) {
    return `refused: ${ConnectError.from(error).message}`;
  }
};
