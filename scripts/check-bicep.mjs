// Checks config/azure/container-app.bicep against Bicep's grammar and against the daemon that it
// runs. npm has no Bicep compiler, so types and names of Azure are not checked.
import { fileURLToPath } from 'node:url';
import { Language, Parser } from 'web-tree-sitter';
import { isVariable, read, shutdownSeconds, VARIABLES } from './facts.mjs';

const FILE = 'config/azure/container-app.bicep';
const faults = [];

await Parser.init();
const grammar = import.meta.resolve('tree-sitter-bicep/tree-sitter-bicep.wasm');
const parser = new Parser();
parser.setLanguage(await Language.load(fileURLToPath(grammar)));
const { rootNode } = parser.parse(read(FILE));
checkGrammar(rootNode);
if (faults.length === 0) {
  checkNames();
  checkApp();
}

if (faults.length > 0) {
  process.stderr.write(`${faults.join('\n')}\n`);
  process.exitCode = 1;
}

function checkGrammar(node) {
  if (node.isError || node.isMissing) {
    const expected = node.isMissing ? `${node.type} is missing` : 'is not Bicep';
    faults.push(`${FILE}:${node.startPosition.row + 1}: ${expected}`);
  } else if (node.hasError) {
    node.children.forEach(checkGrammar);
  }
}

/** Every parameter, variable and resource is used, and every used name is declared. */
function checkNames() {
  const declarations = rootNode.descendantsOfType([
    'parameter_declaration',
    'variable_declaration',
    'resource_declaration',
  ]);
  const declared = new Map(declarations.map((node) => [node.namedChild(0).text, node]));
  const used = new Set();
  for (const node of rootNode.descendantsOfType('identifier')) {
    const { parent } = node;
    const isName = parent.namedChild(0).id === node.id;
    if (/_declaration$|^object_property$/.test(parent.type) && isName) continue;
    if (parent.type === 'call_expression' && isName) continue; // a built-in function
    used.add(node.text);
    if (!declared.has(node.text)) {
      faults.push(`${FILE}:${node.startPosition.row + 1}: ${node.text} is not declared`);
    }
  }
  for (const [name, node] of declared) {
    if (!used.has(name)) faults.push(`${FILE}:${node.startPosition.row + 1}: ${name} is not used`);
  }
}

/** The daemon accepts its environment, and the probes use paths that it has. */
function checkApp() {
  const app = rootNode
    .descendantsOfType('resource_declaration')
    .find((node) => node.namedChild(1).text.includes('/containerApps@'));
  const { configuration, template } = literal(app.namedChild(2)).properties;
  const [container] = template.containers;
  const port = VARIABLES.get('PORT');
  const [volume] = template.volumes;
  const [mount] = container.volumeMounts;
  const files = volume.secrets.map(({ path }) => `${mount.mountPath}/${path}`);
  for (const { name, value } of container.env) {
    if (!isVariable(name)) faults.push(`${FILE}: ${name} is no variable of src/config/config.ts`);
    if (name.endsWith('_FILE') && !files.includes(value)) faults.push(`${FILE}: no file ${value}`);
  }
  const secrets = new Set(configuration.secrets.map(({ name }) => name));
  for (const { secretRef } of volume.secrets) {
    if (!secrets.has(secretRef)) faults.push(`${FILE}: no secret ${secretRef}`);
  }
  if (mount.volumeName !== volume.name) faults.push(`${FILE}: no volume ${mount.volumeName}`);
  const { paths } = JSON.parse(read('config/openapi.json'));
  for (const { httpGet } of container.probes) {
    if (!paths[httpGet.path]?.get) faults.push(`${FILE}: ${httpGet.path} is no route`);
    if (httpGet.port !== port) faults.push(`${FILE}: a probe asks port ${httpGet.port}`);
  }
  if (configuration.ingress.targetPort !== port) faults.push(`${FILE}: targetPort is not ${port}`);
  const grace = Number(template.terminationGracePeriodSeconds);
  if (grace <= shutdownSeconds()) {
    faults.push(`${FILE}: terminationGracePeriodSeconds is too short for SHUTDOWN_TIMEOUT`);
  }
}

/** For a literal its value, for an expression its source text. */
function literal(node) {
  switch (node.type) {
    case 'object':
      return Object.fromEntries(
        node.namedChildren
          .filter(({ type }) => type === 'object_property')
          .map((property) => [literal(property.namedChild(0)), literal(property.namedChild(1))]),
      );
    case 'array':
      return node.namedChildren.filter(({ type }) => type !== 'comment').map(literal);
    case 'string':
      return node.text.slice(1, -1);
    default:
      return node.text;
  }
}
