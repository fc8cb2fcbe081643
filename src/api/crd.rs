//! The custom resource definitions, from the types.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::CustomResourceExt;
use serde_json::json;

use super::{DeploymentValidation, Rollback, RollbackPolicy};

/// Every custom resource definition, one per kind, as `crds/` and the cluster hold them.
#[must_use]
pub fn custom_resource_definitions() -> Vec<CustomResourceDefinition> {
    let mut definitions = vec![
        DeploymentValidation::crd(),
        Rollback::crd(),
        RollbackPolicy::crd(),
    ];
    for definition in &mut definitions {
        for version in &mut definition.spec.versions {
            let schema = version.schema.as_mut();
            if let Some(root) = schema.and_then(|schema| schema.open_api_v3_schema.as_mut()) {
                refuse_null(root);
                default_status(root);
            }
        }
    }
    definitions
}

/// Defaults the whole `status`, so that an object nobody has looked at does not read as done: kstatus takes an object
/// without `status.observedGeneration` and conditions for current.
fn default_status(root: &mut JSONSchemaProps) {
    let properties = root.properties.as_mut();
    if let Some(status) = properties.and_then(|properties| properties.get_mut("status")) {
        status.default = Some(JSON(json!({"observedGeneration": -1})));
    }
}

/// Takes back the `nullable` that schemars gives every `Option`: a null would count as set in CEL rules.
fn refuse_null(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    for property in schema
        .properties
        .iter_mut()
        .flat_map(|properties| properties.values_mut())
    {
        refuse_null(property);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        refuse_null(items);
    }
}
