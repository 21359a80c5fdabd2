package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"straddle.example/interop/store"
)

// A resource with an attribute of every kind.
type thing struct{}

type thingModel struct {
	ID       types.String  `tfsdk:"id"`
	Name     types.String  `tfsdk:"name"`
	Note     types.String  `tfsdk:"note"`
	Size     types.Int64   `tfsdk:"size"`
	Ratio    types.Float64 `tfsdk:"ratio"`
	Big      types.Number  `tfsdk:"big"`
	On       types.Bool    `tfsdk:"on"`
	Level    types.String  `tfsdk:"level"`
	Stamp    types.String  `tfsdk:"stamp"`
	Tags     types.Map     `tfsdk:"tags"`
	Ports    types.Set     `tfsdk:"ports"`
	Zones    types.List    `tfsdk:"zones"`
	Any      types.Dynamic `tfsdk:"any"`
	Pair     types.Object  `tfsdk:"pair"`
	Password types.String  `tfsdk:"password"`
	Secret   types.String  `tfsdk:"secret"`
	Turn     types.Int64   `tfsdk:"turn"`
	One      types.Object  `tfsdk:"one"`
	Many     types.List    `tfsdk:"many"`
	Some     types.Set     `tfsdk:"some"`
	By       types.Map     `tfsdk:"by"`
	Single   types.Object  `tfsdk:"single"`
	Lists    types.List    `tfsdk:"lists"`
	Sets     types.Set     `tfsdk:"sets"`
}

func nested() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"key":   schema.StringAttribute{Required: true},
		"value": schema.StringAttribute{Optional: true, Computed: true, Default: stringdefault.StaticString("plain")},
		"more":  schema.StringAttribute{Optional: true},
	}
}

func inBlock() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"key":  schema.StringAttribute{Required: true},
		"more": schema.Int64Attribute{Optional: true},
	}
}

func (*thing) Metadata(_ context.Context, _ resource.MetadataRequest, answer *resource.MetadataResponse) {
	answer.TypeName = "new_thing"
}

func (*thing) Schema(_ context.Context, _ resource.SchemaRequest, answer *resource.SchemaResponse) {
	keep := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	answer.Schema = schema.Schema{
		Attributes: map[string]schema.Attribute{
			"id":    schema.StringAttribute{Computed: true, PlanModifiers: keep},
			"name":  schema.StringAttribute{Required: true, PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()}},
			"note":  schema.StringAttribute{Optional: true},
			"size":  schema.Int64Attribute{Optional: true, Computed: true, Default: int64default.StaticInt64(3)},
			"ratio": schema.Float64Attribute{Optional: true},
			"big":   schema.NumberAttribute{Optional: true},
			"on":    schema.BoolAttribute{Optional: true, Computed: true, Default: booldefault.StaticBool(true)},
			"level": schema.StringAttribute{Optional: true, Computed: true},
			"stamp": schema.StringAttribute{Computed: true},
			"tags":  schema.MapAttribute{Optional: true, ElementType: types.StringType},
			"ports": schema.SetAttribute{Optional: true, ElementType: types.Int64Type},
			"zones": schema.ListAttribute{Optional: true, ElementType: types.StringType},
			"any":   schema.DynamicAttribute{Optional: true},
			"pair": schema.ObjectAttribute{Optional: true, AttributeTypes: map[string]attrType{
				"a": types.StringType, "b": types.NumberType,
			}},
			"password": schema.StringAttribute{Optional: true, Sensitive: true},
			"secret":   schema.StringAttribute{Optional: true, WriteOnly: true},
			"turn":     schema.Int64Attribute{Optional: true, DeprecationMessage: "Turn no more."},
			"one":      schema.SingleNestedAttribute{Optional: true, Attributes: nested()},
			"many":     schema.ListNestedAttribute{Optional: true, NestedObject: schema.NestedAttributeObject{Attributes: nested()}},
			"some":     schema.SetNestedAttribute{Optional: true, NestedObject: schema.NestedAttributeObject{Attributes: nested()}},
			"by":       schema.MapNestedAttribute{Optional: true, NestedObject: schema.NestedAttributeObject{Attributes: nested()}},
		},
		Blocks: map[string]schema.Block{
			"single": schema.SingleNestedBlock{Attributes: map[string]schema.Attribute{
				"key":  schema.StringAttribute{Optional: true},
				"more": schema.Int64Attribute{Optional: true},
			}},
			"lists": schema.ListNestedBlock{NestedObject: schema.NestedBlockObject{
				Attributes: inBlock(),
				Blocks: map[string]schema.Block{
					"deep": schema.SetNestedBlock{NestedObject: schema.NestedBlockObject{Attributes: inBlock()}},
				},
			}},
			"sets": schema.SetNestedBlock{NestedObject: schema.NestedBlockObject{Attributes: inBlock()}},
		},
	}
}

func (*thing) ValidateConfig(ctx context.Context, request resource.ValidateConfigRequest, answer *resource.ValidateConfigResponse) {
	var many types.List
	answer.Diagnostics.Append(request.Config.GetAttribute(ctx, path.Root("many"), &many)...)
	for i := range many.Elements() {
		at := path.Root("many").AtListIndex(i).AtName("more")
		var more types.String
		answer.Diagnostics.Append(request.Config.GetAttribute(ctx, at, &more)...)
		if more.ValueString() == "bad" {
			answer.Diagnostics.AddAttributeError(at, "Bad more", "More must not be bad.")
		}
	}
}

func (*thing) ModifyPlan(ctx context.Context, request resource.ModifyPlanRequest, answer *resource.ModifyPlanResponse) {
	if request.Plan.Raw.IsNull() {
		answer.Diagnostics.AddWarning("Going", "It will be gone.")
		return
	}
	var level types.String
	answer.Diagnostics.Append(request.Config.GetAttribute(ctx, path.Root("level"), &level)...)
	if level.ValueString() == "replace" && !request.State.Raw.IsNull() {
		answer.RequiresReplace = append(answer.RequiresReplace, path.Root("level"))
	}
	answer.Diagnostics.Append(answer.Private.SetKey(ctx, "planned", []byte(`"yes"`))...)
}

func (*thing) fill(ctx context.Context, model *thingModel, turn string) {
	if model.Level.IsUnknown() {
		model.Level = types.StringValue("normal")
	}
	model.Stamp = types.StringValue(model.ID.ValueString() + "@" + turn)
	model.Secret = types.StringNull()
}

func (t *thing) Create(ctx context.Context, request resource.CreateRequest, answer *resource.CreateResponse) {
	var model thingModel
	answer.Diagnostics.Append(request.Plan.Get(ctx, &model)...)
	if answer.Diagnostics.HasError() {
		return
	}
	name := model.Name.ValueString()
	if name == "refused" {
		answer.Diagnostics.AddAttributeError(path.Root("name"), "Refused", "No thing of that name.")
		return
	}
	if name == "die" {
		store.Die("while something was made")
	}
	if name == "hang" {
		store.Hang()
	}
	id, err := store.NewID("thing", name)
	if err != nil {
		answer.Diagnostics.AddError("Store", err.Error())
		return
	}
	model.ID = types.StringValue(id)
	var secret types.String
	answer.Diagnostics.Append(request.Config.GetAttribute(ctx, path.Root("secret"), &secret)...)
	t.fill(ctx, &model, "1")
	if err := store.Put(id, map[string]any{"note": model.Note.ValueString(), "secret": secret.ValueString(), "turn": 1}); err != nil {
		answer.Diagnostics.AddError("Store", err.Error())
	}
	answer.Diagnostics.Append(answer.Private.SetKey(ctx, "born", []byte(fmt.Sprintf("%q", name)))...)
	answer.Diagnostics.Append(answer.State.Set(ctx, &model)...)
	if name == "half" {
		answer.Diagnostics.AddError("Made in part", "Something is missing.")
	}
}

func (t *thing) Read(ctx context.Context, request resource.ReadRequest, answer *resource.ReadResponse) {
	var model thingModel
	answer.Diagnostics.Append(request.State.Get(ctx, &model)...)
	object, err := store.Get(model.ID.ValueString())
	if object["note"] == "deadly" {
		store.Die("while something was read")
	}
	if errors.Is(err, store.ErrGone) {
		answer.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		answer.Diagnostics.AddError("Store", err.Error())
		return
	}
	if note, _ := object["note"].(string); note != model.Note.ValueString() {
		model.Note = types.StringValue(note)
	}
	if model.Name.IsNull() {
		// Imported.
		model.Name = types.StringValue(strings.Split(model.ID.ValueString(), "-")[1])
		model.Size, model.On = types.Int64Value(3), types.BoolValue(true)
		model.Level, model.Stamp = types.StringValue("normal"), types.StringValue(model.ID.ValueString()+"@1")
	}
	answer.Diagnostics.Append(answer.State.Set(ctx, &model)...)
}

func (t *thing) Update(ctx context.Context, request resource.UpdateRequest, answer *resource.UpdateResponse) {
	var model thingModel
	answer.Diagnostics.Append(request.Plan.Get(ctx, &model)...)
	if answer.Diagnostics.HasError() {
		return
	}
	born, problems := request.Private.GetKey(ctx, "born")
	answer.Diagnostics.Append(problems...)
	planned, problems := request.Private.GetKey(ctx, "planned")
	answer.Diagnostics.Append(problems...)
	if len(born) == 0 || len(planned) == 0 {
		answer.Diagnostics.AddError("Private bytes lost", fmt.Sprintf("born %s planned %s", born, planned))
		return
	}
	id := model.ID.ValueString()
	object, err := store.Get(id)
	if err != nil {
		answer.Diagnostics.AddError("Store", err.Error())
		return
	}
	turn := int(object["turn"].(float64)) + 1
	object["note"], object["turn"] = model.Note.ValueString(), turn
	if err := store.Put(id, object); err != nil {
		answer.Diagnostics.AddError("Store", err.Error())
	}
	t.fill(ctx, &model, fmt.Sprint(turn))
	answer.Diagnostics.Append(answer.State.Set(ctx, &model)...)
}

func (*thing) Delete(ctx context.Context, request resource.DeleteRequest, answer *resource.DeleteResponse) {
	var id types.String
	answer.Diagnostics.Append(request.State.GetAttribute(ctx, path.Root("id"), &id)...)
	if err := store.Delete(id.ValueString()); err != nil {
		answer.Diagnostics.AddError("Store", err.Error())
	}
}

func (*thing) ImportState(ctx context.Context, request resource.ImportStateRequest, answer *resource.ImportStateResponse) {
	if !strings.HasPrefix(request.ID, "thing-") {
		answer.Diagnostics.AddError("No such thing", "An id begins with thing-.")
		return
	}
	answer.Diagnostics.Append(answer.Private.SetKey(ctx, "born", []byte(`"imported"`))...)
	resource.ImportStatePassthroughID(ctx, path.Root("id"), request, answer)
}
