import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The name of the file in messages. */
const METADATA_FILE = 'tools/release/metadata.json';

/**
 * @typedef {{ repository: string, author: string, keywords: string[],
 *   packages: Record<string, { description: string, keywords: string[] }> }} Metadata `repository`: the address of the repository, such as
 *   `https://github.com/OWNER/NAME`, or empty while it is not known; `keywords`: those of every package
 */

/** @returns {Metadata} */
export function readMetadata() {
  return JSON.parse(readFileSync(fileURLToPath(new URL('../metadata.json', import.meta.url)), 'utf8'));
}

/**
 * A manifest with the description, keywords, addresses and author of the metadata. Settings without a value are left out.
 *
 * @param {any} manifest
 * @param {string} folder of the package, relative to the repository, with forward slashes
 * @param {Metadata} metadata
 * @returns {any} its fields in a fixed order
 */
export function withMetadata(manifest, folder, { repository, author, keywords, packages }) {
  const { name, version, private: isPrivate, ...given } = manifest;
  const own = packages[name] ?? ofPlatform(manifest, packages);
  if (own === undefined) throw new Error(`${name} is not in ${METADATA_FILE}: add its description and keywords`);
  for (const field of ['description', 'keywords', 'homepage', 'bugs', 'repository', 'author']) delete given[field];
  return {
    name,
    version,
    ...(isPrivate === undefined ? {} : { private: isPrivate }),
    description: own.description,
    keywords: [...new Set([...keywords, ...own.keywords])],
    ...(repository === ''
      ? {}
      : {
          homepage: `${repository}/tree/main/${folder}#readme`,
          bugs: { url: `${repository}/issues` },
          repository: { type: 'git', url: `git+${repository}.git`, directory: folder },
        }),
    ...(author === '' ? {} : { author }),
    ...given,
  };
}

/** A platform package has the keywords of its loader; its description names the platform and comes from its recipe. */
function ofPlatform({ name, description }, packages) {
  const loader = Object.keys(packages).find((other) => name.startsWith(`${other}-`));
  return loader === undefined ? undefined : { description, keywords: packages[loader].keywords };
}

/**
 * The settings that are missing before the first publish, as messages.
 *
 * @param {Metadata} metadata
 * @returns {string[]}
 */
export function missingMetadata({ repository, author }) {
  const missing = [];
  if (repository === '') {
    missing.push(
      `"repository" is empty in ${METADATA_FILE}: set it to the https address of the repository; npm refuses a package with provenance that does not name the repository it was built from`,
    );
  } else if (!/^https:\/\/[^/]+\/[^/]+\/[^/]+$/.test(repository) || repository.endsWith('.git')) {
    missing.push(
      `"repository" in ${METADATA_FILE}: expected an address such as https://github.com/OWNER/NAME, got ${repository}`,
    );
  }
  if (author === '') missing.push(`"author" is empty in ${METADATA_FILE}: set it to a name, with an address if wanted`);
  return missing;
}

/** The next step after the settings are made. */
export const AFTER_SETTING = 'then run node tools/release/src/write-metadata.mjs and commit';
