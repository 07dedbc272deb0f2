// What objects of a file say of each other: selectors, targets, ports by name. No schema sees these.
import { isDeepStrictEqual } from "node:util";

const SCALERS = ["HorizontalPodAutoscaler", "ScaledObject"];

const matches = (selector, labels) =>
  Object.keys(selector ?? {}).length > 0 && Object.entries(selector).every(([name, value]) => labels?.[name] === value);

/** The problems of the objects of one file, each a line. */
export function references(objects) {
  const problems = [];
  const deployments = objects.filter(({ kind }) => kind === "Deployment");
  const of = object => `${object.kind} ${object.metadata?.name}`;
  const podsOf = selector => deployments.map(({ spec }) => spec.template).filter(pod => matches(selector, pod.metadata?.labels));
  const portsOf = pods => pods.flatMap(({ spec }) => spec.containers).flatMap(({ ports }) => ports ?? []);

  function selects(object, selector, what = "selector") {
    const pods = podsOf(selector);
    if (pods.length === 0) problems.push(`${of(object)}: its ${what} ${JSON.stringify(selector)} matches no pods of a deployment here`);
    return pods;
  }

  function names(object, pods, port) {
    const found = portsOf(pods).some(({ name, containerPort }) => port === name || port === containerPort);
    if (pods.length > 0 && !found) problems.push(`${of(object)}: no container has the port ${port}`);
  }

  for (const object of objects) {
    const { kind, spec } = object;
    if (kind === "Deployment") {
      const { selector, template } = spec;
      if (!matches(selector?.matchLabels, template.metadata?.labels)) problems.push(`${of(object)}: its selector is not of its own pods`);
      for (const { labelSelector } of template.spec.topologySpreadConstraints ?? [])
        selects(object, labelSelector?.matchLabels, "topologySpreadConstraints'");
      const volumes = new Set((template.spec.volumes ?? []).map(({ name }) => name));
      for (const { name } of template.spec.containers.flatMap(({ volumeMounts }) => volumeMounts ?? []))
        if (!volumes.has(name)) problems.push(`${of(object)}: there is no volume ${name}`);
      for (const container of template.spec.containers)
        for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"])
          if (container[probe]?.httpGet) names(object, [template], container[probe].httpGet.port);
    } else if (kind === "Service") {
      const pods = selects(object, spec.selector);
      for (const port of spec.ports) names(object, pods, port.targetPort ?? port.port);
    } else if (kind === "PodDisruptionBudget") {
      selects(object, spec.selector?.matchLabels);
    } else if (kind === "PodMonitor") {
      const pods = selects(object, spec.selector?.matchLabels);
      for (const { port } of spec.podMetricsEndpoints) names(object, pods, port);
    } else if (SCALERS.includes(kind)) {
      const target = { apiVersion: "apps/v1", kind: "Deployment", ...spec.scaleTargetRef };
      const found = deployments.find(({ apiVersion, kind, metadata }) =>
        isDeepStrictEqual([apiVersion, kind, metadata.name], [target.apiVersion, target.kind, target.name]));
      if (!found) problems.push(`${of(object)}: its target ${target.kind} ${target.name} is not here`);
      else if (found.spec.replicas !== undefined) problems.push(`${of(object)}: its target says replicas itself`);
    } else if (kind === "InferenceService") {
      const { runtime, modelFormat } = spec.predictor.model;
      const found = objects.find(({ kind, metadata }) => kind === "ServingRuntime" && metadata.name === runtime);
      if (runtime && !found) problems.push(`${of(object)}: its runtime ${runtime} is not here`);
      const formats = (found?.spec.supportedModelFormats ?? []).map(({ name, version }) => `${name} ${version}`);
      if (found && !formats.includes(`${modelFormat.name} ${modelFormat.version}`))
        problems.push(`${of(object)}: its runtime does not take ${modelFormat.name} ${modelFormat.version}`);
    }
  }

  return problems;
}
