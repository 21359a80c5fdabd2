package main

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"

	"straddle.example/interop/store"
)

// A resource with an identity, which is told what a module tells beside.
func known() *schema.Resource {
	return &schema.Resource{
		Identity: &schema.ResourceIdentity{
			Version: 1,
			SchemaFunc: func() map[string]*schema.Schema {
				return map[string]*schema.Schema{
					"id":     {Type: schema.TypeString, RequiredForImport: true},
					"region": {Type: schema.TypeString, OptionalForImport: true},
				}
			},
		},
		Importer: &schema.ResourceImporter{StateContext: schema.ImportStatePassthroughWithIdentity("id")},
		Schema: map[string]*schema.Schema{
			"name": {Type: schema.TypeString, Required: true},
			"zone": {Type: schema.TypeString, Optional: true, ForceNew: true},
		},
		CreateContext: func(_ context.Context, d *schema.ResourceData, region any) diag.Diagnostics {
			id, err := store.NewID("oldknown", d.Get("name").(string))
			if err != nil {
				return diag.FromErr(err)
			}
			d.SetId(id)
			logTeam("create", d)
			return writeKnown(d, region)
		},
		ReadContext: func(_ context.Context, d *schema.ResourceData, region any) diag.Diagnostics {
			object, err := store.Get(d.Id())
			if errors.Is(err, store.ErrGone) {
				d.SetId("")
				return nil
			}
			if err != nil {
				return diag.FromErr(err)
			}
			logTeam("read", d)
			if err := d.Set("name", object["name"]); err != nil {
				return diag.FromErr(err)
			}
			return identify(d, region)
		},
		UpdateContext: func(_ context.Context, d *schema.ResourceData, region any) diag.Diagnostics {
			if d.Get("name").(string) == "somebody else" {
				region = "busan"
			}
			return writeKnown(d, region)
		},
		DeleteContext: func(_ context.Context, d *schema.ResourceData, _ any) diag.Diagnostics {
			return diag.FromErr(store.Delete(d.Id()))
		},
	}
}

func writeKnown(d *schema.ResourceData, region any) diag.Diagnostics {
	if err := store.Put(d.Id(), map[string]any{"name": d.Get("name")}); err != nil {
		return diag.FromErr(err)
	}
	return identify(d, region)
}

// Says what the object is known by, to clients that ask for it.
func identify(d *schema.ResourceData, region any) diag.Diagnostics {
	identity, err := d.Identity()
	if err != nil {
		return diag.FromErr(err)
	}
	if err := identity.Set("id", d.Id()); err != nil {
		return diag.FromErr(err)
	}
	return diag.FromErr(identity.Set("region", region.(string)))
}

func logTeam(call string, d *schema.ResourceData) {
	var meta struct {
		Team *string `cty:"team"`
	}
	if err := d.GetProviderMeta(&meta); err != nil || meta.Team == nil {
		store.Log("old " + call + " nothing")
		return
	}
	store.Log("old " + call + " " + *meta.Team)
}
