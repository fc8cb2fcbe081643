-- How Argo CD reads a DeploymentValidation. It has no health check of its own for this kind: without this script a sync wave
-- goes on before anything was validated, and a failed validation leaves the application Healthy.
--
-- The script reads nothing but the status contract that all kinds of plumbline.dev share, so it serves Rollback and
-- RollbackPolicy as well. To install it for all three:
--
--   kubectl --namespace argocd create configmap argocd-cm --dry-run=client --output=yaml \
--     --from-file=resource.customizations.health.plumbline.dev_DeploymentValidation=health.lua \
--     --from-file=resource.customizations.health.plumbline.dev_Rollback=health.lua \
--     --from-file=resource.customizations.health.plumbline.dev_RollbackPolicy=health.lua \
--   | kubectl --namespace argocd patch configmap argocd-cm --type=merge --patch-file=/dev/stdin
--
-- Argo CD takes up the change within seconds and needs no restart. In a repository that manages argocd-cm, put the text of
-- this file under those three keys of its data. `useOpenLibs` is not needed.
--
-- In a sync wave Healthy goes on, Degraded fails the sync, and Progressing and Suspended wait.

if obj.spec ~= nil and obj.spec.suspend == true then
  return { status = "Suspended", message = "Validation is suspended" }
end

-- Conditions of an older generation say nothing about this one.
local status = obj.status
if status == nil or status.conditions == nil or status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "Waiting for the controller" }
end

local present = {}
for _, condition in ipairs(status.conditions) do
  present[condition.type] = condition
end

local function is_true(type)
  return present[type] ~= nil and present[type].status == "True"
end

local function health(word, type)
  local condition = present[type]
  if condition == nil then
    return { status = word, message = "Waiting for the controller" }
  end
  return { status = word, message = (condition.reason or "") .. ": " .. (condition.message or "") }
end

-- Only Stalled is final. Ready is False also while something is being tried again, and Degraded would fail the sync at once.
if is_true("Stalled") then
  return health("Degraded", "Stalled")
end
if is_true("Ready") and not is_true("Reconciling") then
  return health("Healthy", "Ready")
end
return health("Progressing", "Ready")
