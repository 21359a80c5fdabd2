// The provider "new": protocol 6, on the current framework.
package main

import (
	"context"
	"log"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/metaschema"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"straddle.example/interop/store"
)

func main() {
	store.Refuse()
	options := providerserver.ServeOpts{Address: "registry.terraform.io/interop/new"}
	if err := providerserver.Serve(context.Background(), func() provider.Provider { return &fresh{} }, options); err != nil {
		log.Fatal(err)
	}
}

type fresh struct{}

type freshModel struct {
	Region types.String `tfsdk:"region"`
	Auth   types.Object `tfsdk:"auth"`
}

func (*fresh) Metadata(_ context.Context, _ provider.MetadataRequest, answer *provider.MetadataResponse) {
	answer.TypeName = "new"
}

func (*fresh) Schema(_ context.Context, _ provider.SchemaRequest, answer *provider.SchemaResponse) {
	answer.Schema = schema.Schema{
		MarkdownDescription: "The *new* one.",
		Attributes: map[string]schema.Attribute{
			"region": schema.StringAttribute{Optional: true},
			"auth": schema.SingleNestedAttribute{
				Optional: true,
				Attributes: map[string]schema.Attribute{
					"token": schema.StringAttribute{Required: true, Sensitive: true},
				},
			},
		},
	}
}

// What a module may tell beside.
func (*fresh) MetaSchema(_ context.Context, _ provider.MetaSchemaRequest, answer *provider.MetaSchemaResponse) {
	answer.Schema = metaschema.Schema{Attributes: map[string]metaschema.Attribute{
		"team":  metaschema.StringAttribute{Required: true},
		"since": metaschema.Int64Attribute{Optional: true},
	}}
}

func (*fresh) Configure(ctx context.Context, request provider.ConfigureRequest, answer *provider.ConfigureResponse) {
	var model freshModel
	answer.Diagnostics.Append(request.Config.Get(ctx, &model)...)
	if model.Region.ValueString() == "nowhere" {
		answer.Diagnostics.AddAttributeError(path.Root("region"), "No such region", "The region \"nowhere\" does not exist.")
	}
	store.Log("configure " + model.Region.String())
	region := "seoul"
	if known := model.Region.ValueString(); known != "" {
		region = known
	}
	answer.ResourceData, answer.DataSourceData, answer.EphemeralResourceData, answer.ListResourceData = region, region, region, region
}

func (*fresh) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		func() resource.Resource { return &thing{} },
		func() resource.Resource { return &heir{} },
		func() resource.Resource { return &known{} },
	}
}

func (*fresh) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{func() datasource.DataSource { return &echo{} }}
}

func (*fresh) Functions(context.Context) []func() function.Function {
	return []func() function.Function{
		func() function.Function { return join{} },
		func() function.Function { return describe{} },
		func() function.Function { return even{} },
		func() function.Function { return sort{} },
	}
}

func (*fresh) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{func() ephemeral.EphemeralResource { return &token{} }}
}

func (*fresh) ListResources(context.Context) []func() list.ListResource {
	return []func() list.ListResource{func() list.ListResource { return &knownList{} }}
}
