package main

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"straddle.example/interop/store"
)

type attrType = attr.Type

// A resource that takes over objects of another provider and of its own past.
type heir struct{}

type heirModel struct {
	ID   types.String `tfsdk:"id"`
	Name types.String `tfsdk:"name"`
	From types.String `tfsdk:"from"`
}

func (*heir) Metadata(_ context.Context, _ resource.MetadataRequest, answer *resource.MetadataResponse) {
	answer.TypeName = "new_heir"
}

func (*heir) Schema(_ context.Context, _ resource.SchemaRequest, answer *resource.SchemaResponse) {
	keep := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	answer.Schema = schema.Schema{
		Version: 3,
		Attributes: map[string]schema.Attribute{
			"id":   schema.StringAttribute{Computed: true, PlanModifiers: keep},
			"name": schema.StringAttribute{Required: true},
			"from": schema.StringAttribute{Computed: true, PlanModifiers: keep},
		},
	}
}

func (*heir) UpgradeState(context.Context) map[int64]resource.StateUpgrader {
	return map[int64]resource.StateUpgrader{
		1: {StateUpgrader: func(ctx context.Context, request resource.UpgradeStateRequest, answer *resource.UpgradeStateResponse) {
			var old struct {
				ID    string `json:"id"`
				Title string `json:"title"`
			}
			if err := json.Unmarshal(request.RawState.JSON, &old); err != nil {
				answer.Diagnostics.AddError("Unreadable", err.Error())
				return
			}
			answer.Diagnostics.Append(answer.State.Set(ctx, &heirModel{
				ID: types.StringValue(old.ID), Name: types.StringValue(old.Title), From: types.StringValue("version 1"),
			})...)
		}},
	}
}

func (*heir) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{{
		StateMover: func(ctx context.Context, request resource.MoveStateRequest, answer *resource.MoveStateResponse) {
			if request.SourceTypeName != "old_server" || !strings.HasSuffix(request.SourceProviderAddress, "interop/old") {
				return
			}
			var old struct {
				ID   string `json:"id"`
				Name string `json:"name"`
			}
			if err := json.Unmarshal(request.SourceRawState.JSON, &old); err != nil {
				answer.Diagnostics.AddError("Unreadable", err.Error())
				return
			}
			answer.Diagnostics.Append(answer.TargetState.Set(ctx, &heirModel{
				ID: types.StringValue(old.ID), Name: types.StringValue(old.Name),
				From: types.StringValue(request.SourceProviderAddress + " " + request.SourceTypeName),
			})...)
		},
	}}
}

func (*heir) Create(ctx context.Context, request resource.CreateRequest, answer *resource.CreateResponse) {
	var model heirModel
	answer.Diagnostics.Append(request.Plan.Get(ctx, &model)...)
	id, err := store.NewID("heir", model.Name.ValueString())
	if err == nil {
		err = store.Put(id, map[string]any{"name": model.Name.ValueString()})
	}
	if err != nil {
		answer.Diagnostics.AddError("Store", err.Error())
		return
	}
	model.ID, model.From = types.StringValue(id), types.StringValue("nothing")
	answer.Diagnostics.Append(answer.State.Set(ctx, &model)...)
}

func (*heir) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

func (*heir) Update(ctx context.Context, request resource.UpdateRequest, answer *resource.UpdateResponse) {
	answer.State.Raw = request.Plan.Raw
}

func (*heir) Delete(ctx context.Context, request resource.DeleteRequest, answer *resource.DeleteResponse) {
	var id types.String
	answer.Diagnostics.Append(request.State.GetAttribute(ctx, path.Root("id"), &id)...)
	if err := store.Delete(id.ValueString()); err != nil {
		answer.Diagnostics.AddError("Store", err.Error())
	}
}
