// Checks the manifests in config/kubernetes against the schemas of Kubernetes, KEDA and the
// Prometheus Operator, against each other, and against the daemon that they run. With --built it
// checks what `kubectl kustomize` builds from the example.
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseEnv } from 'node:util';
import { parse, parseAllDocuments } from 'yaml';
import { readConfig } from '../src/config/config.ts';
import { isVariable, METRIC, read, readMetrics, SKIPPED, shutdownSeconds } from './facts.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const EXAMPLE = join(ROOT, 'config/kubernetes/example');
/** The packages with the types of groups outside Kubernetes. */
const OTHERS = {
  'keda.sh': '@kubernetes-models/keda',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
};
const faults = [];

const objects = process.argv.includes('--built') ? build() : readSources();
const one = (kind) => {
  const [found, another] = objects.filter((object) => object.kind === kind);
  if (!found || another) throw new Error(`one ${kind} is expected`);
  return found;
};
// The operator gets the rules in a separate object: see docs/deploy.md.
const rules = {
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'PrometheusRule',
  metadata: { name: 'callkeeper' },
  spec: parse(read('config/alerts.yml')),
};
for (const object of [...objects, rules]) await checkSchema(object);
checkTypes([...objects, rules]);
const { spec: pod, metadata: podMetadata } = one('Deployment').spec.template;
const [container] = pod.containers;
checkReferences();
checkStopping();
checkDaemon();
checkQuery();

if (faults.length > 0) {
  process.stderr.write(`${faults.join('\n')}\n`);
  process.exitCode = 1;
}

/** The manifests, with what the example's kustomization generates from files. */
function readSources() {
  const files = globSync('config/kubernetes/{base,autoscale,monitor}/*.yaml', { cwd: ROOT });
  const read = files.sort().flatMap((file) => readAll(file));
  return [
    ...read.filter(({ kind }) => kind !== 'Kustomization' && kind !== 'Component'),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'callkeeper-apps' },
      data: { 'apps.yaml': readFileSync(join(EXAMPLE, 'apps.yaml'), 'utf8') },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'callkeeper-redis' },
      data: parseEnv(readFileSync(join(EXAMPLE, 'redis.env'), 'utf8')),
    },
  ];
}

function configMap(name) {
  const found = objects.find(
    ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name,
  );
  if (!found) throw new Error(`there is no ConfigMap ${name}`);
  return found.data;
}

function build() {
  const { error, status, stdout, stderr } = spawnSync('kubectl', ['kustomize', EXAMPLE], {
    encoding: 'utf8',
  });
  if (error?.code === 'ENOENT') {
    process.stderr.write(
      'no kubectl on the PATH: what kustomize makes of them was not looked at\n',
    );
    process.exit(SKIPPED);
  }
  if (status !== 0) throw new Error(stderr || error?.message);
  return parseDocuments('kubectl kustomize', stdout);
}

function readAll(file) {
  return parseDocuments(file, read(file));
}

function parseDocuments(name, text) {
  return parseAllDocuments(text).map((document) => {
    for (const error of [...document.errors, ...document.warnings]) {
      faults.push(`${name}: ${error.message}`);
    }
    return document.toJS();
  });
}

function moduleOf({ apiVersion, kind }) {
  const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : '';
  return `${OTHERS[group] ?? 'kubernetes-models'}/${apiVersion}/${kind}`;
}

/** Checks values: required fields, patterns, bounds. */
async function checkSchema(object) {
  const models = await import(moduleOf(object));
  try {
    new models[object.kind](object).validate();
  } catch (error) {
    faults.push(`${object.kind}: ${error.message}`);
  }
}

/** Checks names: schemas allow unknown fields, and a cluster might silently ignore them. */
function checkTypes(all) {
  // Next to the packages, so that their types are found.
  const cache = join(ROOT, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  const directory = mkdtempSync(join(cache, 'callkeeper-'));
  const file = join(directory, 'manifests.ts');
  const lines = all.map((object, i) => {
    const type = `import('${moduleOf(object)}').I${object.kind}`;
    return `export const object${i} = ${JSON.stringify(object, null, 1)} satisfies ${type};`;
  });
  writeFileSync(file, lines.join('\n'));
  const options = ['--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', '--pretty', 'false'];
  const { error, status, stdout } = spawnSync(
    'tsc',
    [...options, '--module', 'nodenext', '--target', 'esnext', file],
    { encoding: 'utf8' },
  );
  if (error) throw error;
  if (status !== 0) faults.push(stdout.trim());
  rmSync(directory, { recursive: true });
}

/** Every object, port and file that another object names exists. */
function checkReferences() {
  const { labels } = podMetadata;
  const selectors = {
    Deployment: one('Deployment').spec.selector.matchLabels,
    Service: one('Service').spec.selector,
    PodDisruptionBudget: one('PodDisruptionBudget').spec.selector.matchLabels,
    NetworkPolicy: one('NetworkPolicy').spec.podSelector.matchLabels,
  };
  for (const [kind, selector] of Object.entries(selectors)) {
    if (!isDeepStrictEqual(selector, labels)) faults.push(`${kind}: selects other pods`);
  }
  for (const { labelSelector } of pod.topologySpreadConstraints) {
    if (!isDeepStrictEqual(labelSelector.matchLabels, labels)) {
      faults.push('Deployment: topologySpreadConstraints count other pods');
    }
  }
  const monitor = one('ServiceMonitor').spec;
  if (!isDeepStrictEqual(monitor.selector.matchLabels, one('Service').metadata.labels)) {
    faults.push('ServiceMonitor: selects another service');
  }
  const ports = new Set(container.ports.map(({ name }) => name));
  const servicePorts = new Set(one('Service').spec.ports.map(({ name }) => name));
  const named = {
    Deployment: [container.startupProbe, container.readinessProbe, container.livenessProbe].map(
      ({ httpGet }) => httpGet.port,
    ),
    Service: one('Service').spec.ports.map(({ targetPort }) => targetPort),
    NetworkPolicy: one('NetworkPolicy').spec.ingress.flatMap((rule) =>
      rule.ports.map(({ port }) => port),
    ),
  };
  for (const [kind, names] of Object.entries(named)) {
    for (const name of names) if (!ports.has(name)) faults.push(`${kind}: no port ${name}`);
  }
  for (const { port } of monitor.endpoints) {
    if (!servicePorts.has(port)) faults.push(`ServiceMonitor: the service has no port ${port}`);
  }
  const names = {
    ServiceAccount: pod.serviceAccountName,
    Deployment: one('ScaledObject').spec.scaleTargetRef.name,
  };
  for (const [kind, name] of Object.entries(names)) {
    if (one(kind).metadata.name !== name) faults.push(`there is no ${kind} ${name}`);
  }
  const volumes = new Set(pod.volumes.map(({ name }) => name));
  const mounted = new Set(container.volumeMounts.map(({ name }) => name));
  if (!isDeepStrictEqual(volumes, mounted))
    faults.push('Deployment: volumes are not what is mounted');
}

/** A pod has enough time to stop. */
function checkStopping() {
  const { seconds } = container.lifecycle.preStop.sleep;
  if (pod.terminationGracePeriodSeconds <= seconds + shutdownSeconds()) {
    faults.push('Deployment: terminationGracePeriodSeconds is too short for SHUTDOWN_TIMEOUT');
  }
}

/** The daemon accepts its environment, and listens and answers as the manifests say. */
function checkDaemon() {
  const [{ configMapRef }] = container.envFrom;
  const given = Object.entries(configMap(configMapRef.name));
  const variables = [...container.env, ...given.map(([name, value]) => ({ name, value }))];
  for (const { name } of variables) {
    if (!isVariable(name))
      faults.push(`Deployment: ${name} is no variable of src/config/config.ts`);
  }
  const { paths } = JSON.parse(read('config/openapi.json'));
  for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
    const { path } = container[probe].httpGet;
    if (!paths[path]?.get) faults.push(`Deployment: ${probe} asks for ${path}, which is no route`);
  }
  const root = mkdtempSync(join(tmpdir(), 'callkeeper-check-'));
  try {
    const moved = (text) => text.replaceAll(/(?<=^|\s)\/(etc|var)\//g, `${root}/$1/`);
    const mountPath = (name) =>
      container.volumeMounts.find((mount) => mount.name === name).mountPath;
    const put = (directory, name, text) => {
      const file = moved(join(directory, name));
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    };
    const [{ serviceAccountToken }] = pod.volumes.find(({ projected }) => projected).projected
      .sources;
    put(mountPath('entra'), serviceAccountToken.path, 'e30.e30.');
    const { name } = pod.volumes.find((volume) => volume.configMap).configMap;
    put(mountPath('apps'), 'apps.yaml', moved(configMap(name)['apps.yaml']));
    put(mountPath('access'), 'access.yaml', read('config/access.example.yaml'));
    const [, host] = /^ {4}HOST=(\S+)$/m.exec(read('Dockerfile'));
    const env = Object.fromEntries(variables.map(({ name, value }) => [name, moved(value)]));
    const config = readConfig({ HOST: host, ...env });
    const listening = { http: config.port, metrics: config.metricsAddress?.port };
    for (const { name, containerPort } of container.ports) {
      if (listening[name] !== containerPort) faults.push(`Deployment: ${name} is another port`);
    }
  } catch (error) {
    if (error.code !== 'CONFIG') throw error;
    faults.push(`Deployment: ${error.message}`);
  } finally {
    rmSync(root, { recursive: true });
  }
}

function checkQuery() {
  const metrics = readMetrics();
  for (const { metadata } of one('ScaledObject').spec.triggers) {
    for (const name of metadata.query.match(METRIC)) {
      if (!metrics.has(name))
        faults.push(`ScaledObject: ${name} is no metric of src/metrics/table.ts`);
    }
  }
}
