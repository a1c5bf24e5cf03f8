// What a frontend would write: one transport a service, the token on every call.

import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { AnalyticsService } from "../generated/fanfare/analytics/v1/analytics_pb.js";
import { CampaignService } from "../generated/fanfare/campaign/v1/campaign_pb.js";
import { ContactService } from "../generated/fanfare/contact/v1/contact_pb.js";
import { ListService } from "../generated/fanfare/contact/v1/list_pb.js";
import { SenderService } from "../generated/fanfare/sender/v1/sender_pb.js";
import { TemplateService } from "../generated/fanfare/template/v1/template_pb.js";
import { WorkspaceService } from "../generated/fanfare/workspace/v1/workspace_pb.js";

export function connect({ campaign_api, analytics }, token) {
  const bearer = (next) => (request) => {
    if (token) request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  const over = (baseUrl) => createGrpcWebTransport({ baseUrl, interceptors: [bearer], defaultTimeoutMs: 30_000 });
  const api = over(campaign_api);
  return {
    campaigns: createClient(CampaignService, api),
    contacts: createClient(ContactService, api),
    lists: createClient(ListService, api),
    senders: createClient(SenderService, api),
    templates: createClient(TemplateService, api),
    workspaces: createClient(WorkspaceService, api),
    analytics: createClient(AnalyticsService, over(analytics)),
  };
}
