package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"straddle.example/interop/store"
)

// join(separator, words...)
type join struct{}

func (join) Metadata(_ context.Context, _ function.MetadataRequest, answer *function.MetadataResponse) {
	answer.Name = "join"
}

func (join) Definition(_ context.Context, _ function.DefinitionRequest, answer *function.DefinitionResponse) {
	answer.Definition = function.Definition{
		Summary:           "Joins words",
		Parameters:        []function.Parameter{function.StringParameter{Name: "separator"}},
		VariadicParameter: function.StringParameter{Name: "words"},
		Return:            function.StringReturn{},
	}
}

func (join) Run(ctx context.Context, request function.RunRequest, answer *function.RunResponse) {
	var separator string
	var words []string
	answer.Error = function.ConcatFuncErrors(request.Arguments.Get(ctx, &separator, &words))
	for i, word := range words {
		if word == "" {
			answer.Error = function.NewArgumentFuncError(int64(i+1), "no word may be empty")
			return
		}
	}
	answer.Error = function.ConcatFuncErrors(answer.Error, answer.Result.Set(ctx, strings.Join(words, separator)))
}

// describe(anything): takes nulls, answers with an object.
type describe struct{}

func (describe) Metadata(_ context.Context, _ function.MetadataRequest, answer *function.MetadataResponse) {
	answer.Name = "describe"
}

func (describe) Definition(_ context.Context, _ function.DefinitionRequest, answer *function.DefinitionResponse) {
	answer.Definition = function.Definition{
		Parameters: []function.Parameter{function.DynamicParameter{Name: "value", AllowNullValue: true}},
		Return:     function.ObjectReturn{AttributeTypes: map[string]attrType{"text": types.StringType, "null": types.BoolType}},
	}
}

func (describe) Run(ctx context.Context, request function.RunRequest, answer *function.RunResponse) {
	var value types.Dynamic
	answer.Error = request.Arguments.Get(ctx, &value)
	if answer.Error != nil {
		return
	}
	result := struct {
		Text string `tfsdk:"text"`
		Null bool   `tfsdk:"null"`
	}{fmt.Sprint(value), value.IsNull() || value.IsUnderlyingValueNull()}
	answer.Error = answer.Result.Set(ctx, result)
}

// even(number)
type even struct{}

func (even) Metadata(_ context.Context, _ function.MetadataRequest, answer *function.MetadataResponse) {
	answer.Name = "even"
}

func (even) Definition(_ context.Context, _ function.DefinitionRequest, answer *function.DefinitionResponse) {
	answer.Definition = function.Definition{
		Parameters: []function.Parameter{function.Int64Parameter{Name: "number"}},
		Return:     function.BoolReturn{},
	}
}

func (even) Run(ctx context.Context, request function.RunRequest, answer *function.RunResponse) {
	var number int64
	answer.Error = request.Arguments.Get(ctx, &number)
	if answer.Error == nil && number < 0 {
		answer.Error = function.NewFuncError("negative numbers are odd company")
		return
	}
	answer.Error = function.ConcatFuncErrors(answer.Error, answer.Result.Set(ctx, number%2 == 0))
}

// sort(limit, lists...): takes nulls and unknowns, and any number of lists of numbers.
type sort struct{}

func (sort) Metadata(_ context.Context, _ function.MetadataRequest, answer *function.MetadataResponse) {
	answer.Name = "sort"
}

func (sort) Definition(_ context.Context, _ function.DefinitionRequest, answer *function.DefinitionResponse) {
	answer.Definition = function.Definition{
		Parameters:        []function.Parameter{function.Int64Parameter{Name: "limit", AllowNullValue: true}},
		VariadicParameter: function.ListParameter{Name: "lists", ElementType: types.Int64Type, AllowUnknownValues: true, AllowNullValue: true},
		Return:            function.ListReturn{ElementType: types.Int64Type},
	}
}

func (sort) Run(ctx context.Context, request function.RunRequest, answer *function.RunResponse) {
	var limit *int64
	var lists []types.List
	if answer.Error = request.Arguments.Get(ctx, &limit, &lists); answer.Error != nil {
		return
	}
	all := []int64{}
	for _, list := range lists {
		if list.IsUnknown() {
			answer.Error = answer.Result.Set(ctx, types.ListUnknown(types.Int64Type))
			return
		}
		var some []types.Int64
		list.ElementsAs(ctx, &some, false)
		for _, one := range some {
			if one.IsUnknown() {
				answer.Error = answer.Result.Set(ctx, types.ListUnknown(types.Int64Type))
				return
			}
			all = append(all, one.ValueInt64())
		}
	}
	slices.Sort(all)
	if limit != nil && int(*limit) < len(all) {
		all = all[:*limit]
	}
	answer.Error = answer.Result.Set(ctx, all)
}

// An ephemeral resource; what is done with it is logged.
type token struct{}

type tokenModel struct {
	Name  types.String `tfsdk:"name"`
	Renew types.Bool   `tfsdk:"renew"`
	Value types.String `tfsdk:"value"`
}

func (*token) Metadata(_ context.Context, _ ephemeral.MetadataRequest, answer *ephemeral.MetadataResponse) {
	answer.TypeName = "new_token"
}

func (*token) Schema(_ context.Context, _ ephemeral.SchemaRequest, answer *ephemeral.SchemaResponse) {
	answer.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"name":  schema.StringAttribute{Required: true},
		"renew": schema.BoolAttribute{Optional: true},
		"value": schema.StringAttribute{Computed: true, Sensitive: true},
	}}
}

func (*token) Open(ctx context.Context, request ephemeral.OpenRequest, answer *ephemeral.OpenResponse) {
	var model tokenModel
	answer.Diagnostics.Append(request.Config.Get(ctx, &model)...)
	name := model.Name.ValueString()
	if name == "refused" {
		answer.Diagnostics.AddError("Refused", "No token of that name.")
		return
	}
	store.Log("open " + name)
	model.Value = types.StringValue("token-of-" + name)
	answer.Diagnostics.Append(answer.Private.SetKey(ctx, "name", []byte(fmt.Sprintf("%q", name)))...)
	if model.Renew.ValueBool() {
		answer.RenewAt = time.Now().Add(200 * time.Millisecond)
	}
	answer.Diagnostics.Append(answer.Result.Set(ctx, &model)...)
}

func (*token) Renew(ctx context.Context, request ephemeral.RenewRequest, answer *ephemeral.RenewResponse) {
	name, problems := request.Private.GetKey(ctx, "name")
	answer.Diagnostics.Append(problems...)
	store.Log("renew " + string(name))
	answer.RenewAt = time.Now().Add(time.Hour)
}

func (*token) Close(ctx context.Context, request ephemeral.CloseRequest, answer *ephemeral.CloseResponse) {
	name, problems := request.Private.GetKey(ctx, "name")
	answer.Diagnostics.Append(problems...)
	store.Log("close " + string(name))
}
