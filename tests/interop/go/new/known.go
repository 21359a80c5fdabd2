package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	dataschema "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/list"
	listschema "github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"straddle.example/interop/store"
)

// A resource with an identity, which can be listed and may be put off.
type known struct{ region string }

type knownModel struct {
	ID   types.String `tfsdk:"id"`
	Name types.String `tfsdk:"name"`
	Zone types.String `tfsdk:"zone"`
}

type knownIdentity struct {
	Region types.String `tfsdk:"region"`
	ID     types.String `tfsdk:"id"`
}

func (*known) Metadata(_ context.Context, _ resource.MetadataRequest, answer *resource.MetadataResponse) {
	answer.TypeName = "new_known"
}

func (k *known) Configure(_ context.Context, request resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	k.region, _ = request.ProviderData.(string)
}

func (*known) Schema(_ context.Context, _ resource.SchemaRequest, answer *resource.SchemaResponse) {
	answer.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"id":   schema.StringAttribute{Computed: true, PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()}},
		"name": schema.StringAttribute{Required: true},
		"zone": schema.StringAttribute{Optional: true, PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()}},
	}}
}

func (*known) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, answer *resource.IdentitySchemaResponse) {
	answer.IdentitySchema = identityschema.Schema{Version: 1, Attributes: map[string]identityschema.Attribute{
		"region": identityschema.StringAttribute{OptionalForImport: true},
		"id":     identityschema.StringAttribute{RequiredForImport: true},
	}}
}

func (*known) UpgradeIdentity(context.Context) map[int64]resource.IdentityUpgrader {
	before := identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"name": identityschema.StringAttribute{RequiredForImport: true},
	}}
	return map[int64]resource.IdentityUpgrader{0: {
		PriorSchema: &before,
		IdentityUpgrader: func(ctx context.Context, request resource.UpgradeIdentityRequest, answer *resource.UpgradeIdentityResponse) {
			var name types.String
			answer.Diagnostics.Append(request.Identity.GetAttribute(ctx, path.Root("name"), &name)...)
			store.Log("upgrade identity " + name.ValueString())
			answer.Diagnostics.Append(answer.Identity.Set(ctx, &knownIdentity{types.StringValue("seoul"), name})...)
		},
	}}
}

// Writes down what the module told beside.
func told(ctx context.Context, call string, meta tfsdk.Config) {
	var team types.String
	if meta.Schema == nil || meta.Raw.IsNull() {
		store.Log(call + " nothing")
		return
	}
	meta.GetAttribute(ctx, path.Root("team"), &team)
	store.Log(call + " " + team.String())
}

// Put off where that is allowed; an error of the provider's own making where it is not.
func (k *known) ModifyPlan(ctx context.Context, request resource.ModifyPlanRequest, answer *resource.ModifyPlanResponse) {
	if request.Plan.Raw.IsNull() {
		return
	}
	var name types.String
	told(ctx, "plan", request.ProviderMeta)
	answer.Diagnostics.Append(request.Config.GetAttribute(ctx, path.Root("name"), &name)...)
	if name.ValueString() != "later" {
		return
	}
	if request.ClientCapabilities.DeferralAllowed {
		answer.Deferred = &resource.Deferred{Reason: resource.DeferredReasonAbsentPrereq}
		return
	}
	answer.Diagnostics.AddAttributeError(path.Root("name"), "Not yet", "What it needs is not there yet.")
}

func (k *known) Create(ctx context.Context, request resource.CreateRequest, answer *resource.CreateResponse) {
	var model knownModel
	told(ctx, "create", request.ProviderMeta)
	answer.Diagnostics.Append(request.Plan.Get(ctx, &model)...)
	id, err := store.NewID("known", model.Name.ValueString())
	if err == nil {
		err = store.Put(id, map[string]any{"name": model.Name.ValueString()})
	}
	if err != nil {
		answer.Diagnostics.AddError("Store", err.Error())
		return
	}
	model.ID = types.StringValue(id)
	answer.Diagnostics.Append(answer.State.Set(ctx, &model)...)
	if answer.Identity != nil {
		answer.Diagnostics.Append(answer.Identity.Set(ctx, &knownIdentity{types.StringValue(k.region), types.StringValue(id)})...)
	}
}

func (k *known) Read(ctx context.Context, request resource.ReadRequest, answer *resource.ReadResponse) {
	var id types.String
	told(ctx, "read", request.ProviderMeta)
	answer.Diagnostics.Append(request.State.GetAttribute(ctx, path.Root("id"), &id)...)
	object, err := store.Get(id.ValueString())
	if err != nil {
		answer.State.RemoveResource(ctx)
		return
	}
	name, _ := object["name"].(string)
	var zone types.String
	answer.Diagnostics.Append(request.State.GetAttribute(ctx, path.Root("zone"), &zone)...)
	answer.Diagnostics.Append(answer.State.Set(ctx, &knownModel{ID: id, Name: types.StringValue(name), Zone: zone})...)
	if answer.Identity != nil {
		answer.Diagnostics.Append(answer.Identity.Set(ctx, &knownIdentity{types.StringValue(k.region), id})...)
	}
}

func (k *known) Update(ctx context.Context, request resource.UpdateRequest, answer *resource.UpdateResponse) {
	var model knownModel
	answer.Diagnostics.Append(request.Plan.Get(ctx, &model)...)
	if err := store.Put(model.ID.ValueString(), map[string]any{"name": model.Name.ValueString()}); err != nil {
		answer.Diagnostics.AddError("Store", err.Error())
	}
	answer.State.Raw = request.Plan.Raw
	told(ctx, "update", request.ProviderMeta)
	// An object that takes another identity, which no provider may do.
	region := k.region
	if model.Name.ValueString() == "somebody else" {
		region = "busan"
	}
	if answer.Identity != nil {
		answer.Diagnostics.Append(answer.Identity.Set(ctx, &knownIdentity{types.StringValue(region), model.ID})...)
	}
}

func (*known) Delete(ctx context.Context, request resource.DeleteRequest, answer *resource.DeleteResponse) {
	var id types.String
	answer.Diagnostics.Append(request.State.GetAttribute(ctx, path.Root("id"), &id)...)
	if err := store.Delete(id.ValueString()); err != nil {
		answer.Diagnostics.AddError("Store", err.Error())
	}
}

func (*known) ImportState(ctx context.Context, request resource.ImportStateRequest, answer *resource.ImportStateResponse) {
	resource.ImportStatePassthroughWithIdentity(ctx, path.Root("id"), path.Root("id"), request, answer)
}

type knownList struct{ known }

func (*knownList) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, answer *list.ListResourceSchemaResponse) {
	answer.Schema = listschema.Schema{Attributes: map[string]listschema.Attribute{
		"prefix": listschema.StringAttribute{Optional: true},
	}}
}

func (k *knownList) List(ctx context.Context, request list.ListRequest, stream *list.ListResultsStream) {
	var prefix types.String
	if problems := request.Config.GetAttribute(ctx, path.Root("prefix"), &prefix); problems.HasError() {
		stream.Results = list.ListResultsStreamDiagnostics(problems)
		return
	}
	stream.Results = func(push func(list.ListResult) bool) {
		for _, name := range []string{"alpha", "beta", "gamma"} {
			result := request.NewListResult(ctx)
			id := prefix.ValueString() + name
			result.DisplayName = "The " + name
			result.Diagnostics.Append(result.Identity.Set(ctx, &knownIdentity{types.StringValue(k.region), types.StringValue(id)})...)
			if request.IncludeResource {
				result.Diagnostics.Append(result.Resource.Set(ctx, &knownModel{ID: types.StringValue(id), Name: types.StringValue(name)})...)
			}
			if !push(result) {
				return
			}
		}
	}
}

// A data source that says what it is asked.
type echo struct{ region string }

type echoModel struct {
	Later  types.Bool    `tfsdk:"later"`
	Value  types.Dynamic `tfsdk:"value"`
	Result types.Dynamic `tfsdk:"result"`
	Region types.String  `tfsdk:"region"`
}

func (*echo) Metadata(_ context.Context, _ datasource.MetadataRequest, answer *datasource.MetadataResponse) {
	answer.TypeName = "new_echo"
}

func (e *echo) Configure(_ context.Context, request datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	e.region, _ = request.ProviderData.(string)
}

func (*echo) Schema(_ context.Context, _ datasource.SchemaRequest, answer *datasource.SchemaResponse) {
	answer.Schema = dataschema.Schema{Attributes: map[string]dataschema.Attribute{
		"later":  dataschema.BoolAttribute{Optional: true},
		"value":  dataschema.DynamicAttribute{Required: true},
		"result": dataschema.DynamicAttribute{Computed: true},
		"region": dataschema.StringAttribute{Computed: true},
	}}
}

func (e *echo) Read(ctx context.Context, request datasource.ReadRequest, answer *datasource.ReadResponse) {
	var model echoModel
	answer.Diagnostics.Append(request.Config.Get(ctx, &model)...)
	told(ctx, "data", request.ProviderMeta)
	if model.Later.ValueBool() && request.ClientCapabilities.DeferralAllowed {
		answer.Deferred = &datasource.Deferred{Reason: datasource.DeferredReasonProviderConfigUnknown}
		return
	}
	model.Result, model.Region = model.Value, types.StringValue(e.region)
	answer.Diagnostics.Append(answer.State.Set(ctx, &model)...)
}
