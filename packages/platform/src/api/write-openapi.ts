import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { openapiDocument } from './openapi.js';
import { assertGrown } from './openapi-growth.js';

/**
 * Writes the API's document to the file named as the only argument, when it only grew since what is there:
 * `node packages/platform/dist/api/write-openapi.js packages/client/openapi/v1.json`.
 */
const file = resolve(process.argv[2] ?? 'packages/client/openapi/v1.json');
const document = await openapiDocument();
if (existsSync(file)) assertGrown(JSON.parse(readFileSync(file, 'utf8')) as object, document);
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
