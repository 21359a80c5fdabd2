// The provider "old": protocol 5, on the older development kit with its legacy type system.
package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/go-cty/cty"
	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/validation"
	"github.com/hashicorp/terraform-plugin-sdk/v2/plugin"

	"straddle.example/interop/store"
)

func main() {
	store.Refuse()
	plugin.Serve(&plugin.ServeOpts{ProviderFunc: provider, ProviderAddr: "registry.terraform.io/interop/old"})
}

func provider() *schema.Provider {
	return &schema.Provider{
		Schema: map[string]*schema.Schema{
			"region": {Type: schema.TypeString, Optional: true, Default: "seoul"},
			"token":  {Type: schema.TypeString, Optional: true, Sensitive: true},
			"endpoint": {
				Type: schema.TypeList, Optional: true, MaxItems: 1,
				Elem: &schema.Resource{Schema: map[string]*schema.Schema{
					"url": {Type: schema.TypeString, Required: true},
				}},
			},
		},
		ResourcesMap: map[string]*schema.Resource{
			"old_server": server(),
			"old_sloppy": sloppy(),
			"old_known":  known(),
		},
		ProviderMetaSchema: map[string]*schema.Schema{"team": {Type: schema.TypeString, Optional: true}},
		DataSourcesMap:     map[string]*schema.Resource{"old_lookup": lookup()},
		ConfigureContextFunc: func(_ context.Context, d *schema.ResourceData) (any, diag.Diagnostics) {
			if d.Get("region").(string) == "nowhere" {
				return nil, diag.Diagnostics{{
					Severity: diag.Error, Summary: "No such region", Detail: "The region \"nowhere\" does not exist.",
					AttributePath: cty.GetAttrPath("region"),
				}}
			}
			return d.Get("region").(string), nil
		},
	}
}

func server() *schema.Resource {
	return &schema.Resource{
		SchemaVersion: 2,
		StateUpgraders: []schema.StateUpgrader{
			{Version: 0, Type: cty.Object(map[string]cty.Type{"id": cty.String, "title": cty.String}),
				Upgrade: func(_ context.Context, raw map[string]any, _ any) (map[string]any, error) {
					raw["name"] = raw["title"]
					delete(raw, "title")
					return raw, nil
				}},
			{Version: 1, Type: cty.Object(map[string]cty.Type{"id": cty.String, "name": cty.String}),
				Upgrade: func(_ context.Context, raw map[string]any, _ any) (map[string]any, error) {
					raw["name"] = strings.TrimPrefix(raw["name"].(string), "legacy-")
					return raw, nil
				}},
		},
		Importer: &schema.ResourceImporter{StateContext: schema.ImportStatePassthroughContext},
		Schema: map[string]*schema.Schema{
			"name":           {Type: schema.TypeString, Required: true, ForceNew: true, ValidateFunc: validation.StringLenBetween(1, 20)},
			"size":           {Type: schema.TypeInt, Optional: true, Default: 1},
			"weight":         {Type: schema.TypeFloat, Optional: true},
			"running":        {Type: schema.TypeBool, Optional: true, Default: true},
			"address":        {Type: schema.TypeString, Computed: true},
			"label":          {Type: schema.TypeString, Optional: true, Computed: true},
			"revision":       {Type: schema.TypeInt, Computed: true},
			"tags":           {Type: schema.TypeMap, Optional: true, Elem: &schema.Schema{Type: schema.TypeString}},
			"ports":          {Type: schema.TypeSet, Optional: true, Elem: &schema.Schema{Type: schema.TypeInt}},
			"zones":          {Type: schema.TypeList, Optional: true, ForceNew: true, Elem: &schema.Schema{Type: schema.TypeString}},
			"password":       {Type: schema.TypeString, Optional: true, Sensitive: true},
			"old_name":       {Type: schema.TypeString, Optional: true, Deprecated: "Use name instead."},
			"secret":         {Type: schema.TypeString, Optional: true, WriteOnly: true, RequiredWith: []string{"secret_version"}},
			"secret_version": {Type: schema.TypeInt, Optional: true},
			"left":           {Type: schema.TypeString, Optional: true, ConflictsWith: []string{"right"}},
			"right":          {Type: schema.TypeString, Optional: true, ConflictsWith: []string{"left"}},
			"disk": {
				Type: schema.TypeList, Optional: true, MaxItems: 3,
				Elem: &schema.Resource{Schema: map[string]*schema.Schema{
					"size":   {Type: schema.TypeInt, Required: true},
					"kind":   {Type: schema.TypeString, Optional: true, Default: "ssd"},
					"serial": {Type: schema.TypeString, Computed: true},
				}},
			},
			"rule": {
				Type: schema.TypeSet, Optional: true,
				Elem: &schema.Resource{Schema: map[string]*schema.Schema{
					"port":  {Type: schema.TypeInt, Required: true},
					"cidrs": {Type: schema.TypeList, Optional: true, Elem: &schema.Schema{Type: schema.TypeString}},
				}},
			},
			"options": {
				Type: schema.TypeList, Optional: true, MaxItems: 1,
				Elem: &schema.Resource{Schema: map[string]*schema.Schema{
					"boot": {
						Type: schema.TypeList, Optional: true, MinItems: 1, MaxItems: 2,
						Elem: &schema.Resource{Schema: map[string]*schema.Schema{
							"order": {Type: schema.TypeInt, Optional: true},
						}},
					},
				}},
			},
			// An attribute that may be written as blocks.
			"peer": {
				Type: schema.TypeList, Optional: true, ConfigMode: schema.SchemaConfigModeAttr,
				Elem: &schema.Resource{Schema: map[string]*schema.Schema{
					"host": {Type: schema.TypeString, Optional: true},
					"port": {Type: schema.TypeInt, Optional: true},
				}},
			},
		},
		Timeouts: &schema.ResourceTimeout{Create: schema.DefaultTimeout(60e9), Delete: schema.DefaultTimeout(60e9)},
		CustomizeDiff: func(_ context.Context, d *schema.ResourceDiff, _ any) error {
			if d.Id() != "" && d.HasChange("size") {
				return d.SetNewComputed("revision")
			}
			return nil
		},
		CreateContext: func(_ context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
			name := d.Get("name").(string)
			if name == "refused" {
				return diag.Errorf("no room for %q", name)
			}
			id, err := store.NewID("server", name)
			if err != nil {
				return diag.FromErr(err)
			}
			d.SetId(id)
			if name == "half" {
				return append(write(d, meta), diag.Diagnostics{{Severity: diag.Error, Summary: "Made in part", Detail: "The disk is missing."}}...)
			}
			return write(d, meta)
		},
		ReadContext: func(_ context.Context, d *schema.ResourceData, _ any) diag.Diagnostics {
			object, err := store.Get(d.Id())
			if errors.Is(err, store.ErrGone) {
				d.SetId("")
				return nil
			}
			if err != nil {
				return diag.FromErr(err)
			}
			for name, value := range object {
				if name == "id" {
					continue
				}
				if err := d.Set(name, value); err != nil {
					return diag.FromErr(err)
				}
			}
			return nil
		},
		UpdateContext: func(_ context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
			if d.Get("label").(string) == "refused" {
				return diag.Diagnostics{{Severity: diag.Error, Summary: "Label refused", Detail: "No such label.", AttributePath: cty.GetAttrPath("label")}}
			}
			return write(d, meta)
		},
		DeleteContext: func(_ context.Context, d *schema.ResourceData, _ any) diag.Diagnostics {
			return diag.FromErr(store.Delete(d.Id()))
		},
	}
}

func write(d *schema.ResourceData, meta any) diag.Diagnostics {
	set := func(name string, value any) {
		if err := d.Set(name, value); err != nil {
			panic(err)
		}
	}
	set("address", "10.0.0."+fmt.Sprint(len(d.Id())))
	if d.Get("label").(string) == "" {
		set("label", meta.(string)+"/"+d.Get("name").(string))
	}
	set("revision", d.Get("revision").(int)+1)
	disks := d.Get("disk").([]any)
	for i, disk := range disks {
		disk.(map[string]any)["serial"] = fmt.Sprintf("%s-disk-%d", d.Id(), i)
	}
	set("disk", disks)
	object := map[string]any{}
	for name := range server().Schema {
		if name == "secret" {
			continue
		}
		value := d.Get(name)
		if s, ok := value.(*schema.Set); ok {
			value = list(s)
		}
		object[name] = value
	}
	return diag.FromErr(store.Put(d.Id(), object))
}

func list(set *schema.Set) []any {
	var all []any
	for _, item := range set.List() {
		all = append(all, item)
	}
	return all
}

// Everything the legacy type system lets pass.
func sloppy() *schema.Resource {
	return &schema.Resource{
		Schema: map[string]*schema.Schema{
			// Stored in another form than written.
			"name": {Type: schema.TypeString, Required: true, StateFunc: func(v any) string { return strings.ToLower(v.(string)) }},
			// A difference that is none.
			"note": {Type: schema.TypeString, Optional: true, DiffSuppressFunc: func(_, old, new string, _ *schema.ResourceData) bool {
				return strings.TrimSpace(old) == strings.TrimSpace(new)
			}},
			// Not computed, and set all the same.
			"color": {Type: schema.TypeString, Optional: true},
			// Changes with every write, without a plan saying so.
			"counter": {Type: schema.TypeInt, Computed: true},
			// Empty instead of absent.
			"items": {Type: schema.TypeList, Optional: true, Elem: &schema.Schema{Type: schema.TypeString}},
			"part": {
				Type: schema.TypeSet, Optional: true, Computed: true,
				Elem: &schema.Resource{Schema: map[string]*schema.Schema{
					"key":   {Type: schema.TypeString, Required: true},
					"value": {Type: schema.TypeString, Optional: true, Computed: true},
				}},
			},
		},
		Importer: &schema.ResourceImporter{StateContext: schema.ImportStatePassthroughContext},
		CreateContext: func(_ context.Context, d *schema.ResourceData, _ any) diag.Diagnostics {
			id, err := store.NewID("sloppy", strings.ToLower(d.Get("name").(string)))
			if err != nil {
				return diag.FromErr(err)
			}
			d.SetId(id)
			return writeSloppy(d)
		},
		ReadContext: func(_ context.Context, d *schema.ResourceData, _ any) diag.Diagnostics {
			object, err := store.Get(d.Id())
			if errors.Is(err, store.ErrGone) {
				d.SetId("")
				return nil
			}
			if err != nil {
				return diag.FromErr(err)
			}
			for _, name := range []string{"name", "note", "color", "counter", "items", "part"} {
				if err := d.Set(name, object[name]); err != nil {
					return diag.FromErr(err)
				}
			}
			return nil
		},
		UpdateContext: func(_ context.Context, d *schema.ResourceData, _ any) diag.Diagnostics { return writeSloppy(d) },
		DeleteContext: func(_ context.Context, d *schema.ResourceData, _ any) diag.Diagnostics {
			return diag.FromErr(store.Delete(d.Id()))
		},
	}
}

func writeSloppy(d *schema.ResourceData) diag.Diagnostics {
	color := d.Get("color").(string)
	if color == "" {
		color = "grey"
	}
	parts := list(d.Get("part").(*schema.Set))
	for _, part := range parts {
		part.(map[string]any)["value"] = "v-" + part.(map[string]any)["key"].(string)
	}
	if len(parts) == 0 {
		parts = []any{map[string]any{"key": "made", "value": "up"}}
	}
	object := map[string]any{
		"name": strings.ToLower(d.Get("name").(string)), "note": d.Get("note"), "color": color,
		"counter": d.Get("counter").(int) + 1, "items": d.Get("items"), "part": parts,
	}
	for name, value := range object {
		if err := d.Set(name, value); err != nil {
			return diag.FromErr(err)
		}
	}
	return diag.FromErr(store.Put(d.Id(), object))
}

func lookup() *schema.Resource {
	return &schema.Resource{
		Schema: map[string]*schema.Schema{
			"name":  {Type: schema.TypeString, Required: true},
			"zones": {Type: schema.TypeList, Computed: true, Elem: &schema.Schema{Type: schema.TypeString}},
			"match": {
				Type: schema.TypeList, Computed: true,
				Elem: &schema.Resource{Schema: map[string]*schema.Schema{
					"id": {Type: schema.TypeString, Computed: true},
				}},
			},
		},
		ReadContext: func(_ context.Context, d *schema.ResourceData, meta any) diag.Diagnostics {
			name := d.Get("name").(string)
			if name == "missing" {
				return diag.Diagnostics{{Severity: diag.Error, Summary: "Nothing found", Detail: "There is nothing of that name.", AttributePath: cty.GetAttrPath("name")}}
			}
			d.SetId(meta.(string) + ":" + name)
			if err := d.Set("zones", []any{"a", "b"}); err != nil {
				return diag.FromErr(err)
			}
			return diag.FromErr(d.Set("match", []any{map[string]any{"id": "m-" + name}}))
		},
	}
}
