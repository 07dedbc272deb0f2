// Checks rendered manifests: check.mjs MODULES WORK FILE.yaml...
// By the schemas of Kubernetes, KEDA and Prometheus' operator (kubernetes-models and its like in MODULES), which pass over fields that they
// do not know; therefore also by the compiler of TypeScript, to which each object is a literal of its kind's type and an unknown field an
// error; and by what the objects of a file say of each other. By that alone where WORK is -.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, existsSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { references } from "./references.mjs";

const isBrief = process.argv[3] === "-";
const [modules, work, ...files] = process.argv.slice(2).map(argument => resolve(argument));
const { parseAllDocuments } = await import(pathToFileURL(join(modules, "yaml/dist/index.js")));
const PACKAGES = {
  "keda.sh": "@kubernetes-models/keda/keda.sh", "monitoring.coreos.com": "@kubernetes-models/prometheus-operator/monitoring.coreos.com",
  "serving.kserve.io": null,
};
const problems = [];
const lines = [];
const imports = new Set();

function packageOf(apiVersion) {
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  if (group in PACKAGES) return PACKAGES[group] && `${PACKAGES[group]}/${version}`;
  return `kubernetes-models/${group ? `${group}/` : ""}${version}`;
}

let count = 0;
for (const file of files) {
  const documents = parseAllDocuments(readFileSync(file, "utf8"));
  const objects = [];
  for (const document of documents) {
    problems.push(...document.errors.map(error => `${basename(file)}: ${error.message}`));
    const value = document.toJS();
    if (!value) continue;
    count++;
    objects.push(value);
    if (isBrief) continue;
    const name = `${basename(file)}: ${value.kind} ${value.metadata?.name}`;
    const from = packageOf(value.apiVersion);
    if (from) {
      const kinds = await import(pathToFileURL(join(modules, from, `${value.kind}.js`)));
      try {
        new kinds[value.kind](value).validate();
      } catch (error) {
        problems.push(`${name}: ${error.message}`);
      }
    }

    imports.add(`import { I${value.kind} } from "${from ? `${from}/${value.kind}` : "./kserve"}";`);
    lines.push(`// ${name}`, `export const object${count}: I${value.kind} = ${JSON.stringify(value, null, 1)};`);
  }

  problems.push(...references(objects).map(problem => `${basename(file)}: ${problem}`));
}

if (!isBrief) {
  mkdirSync(work, { recursive: true });
  copyFileSync(join(dirname(fileURLToPath(import.meta.url)), "kserve.d.ts"), join(work, "kserve.d.ts"));
  writeFileSync(join(work, "objects.ts"), [...imports, ...lines].join("\n") + "\n");
  writeFileSync(join(work, "package.json"), '{"type": "module"}\n');
  if (!existsSync(join(work, "node_modules"))) symlinkSync(modules, join(work, "node_modules"));
  try {
    const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler", "--target", "es2022"];
    execFileSync(process.execPath, [join(modules, "typescript/bin/tsc"), ...options, "objects.ts"], { cwd: work, encoding: "utf8" });
  } catch (error) {
    problems.push(...`${error.stdout ?? ""}${error.stderr ?? ""}`.trim().split("\n").map(line => `types: ${line}`));
  }
}

for (const problem of problems) console.log(problem);
console.log(`${count} objects, ${problems.length} problems`);
process.exit(count > 0 && problems.length === 0 ? 0 : 1);
