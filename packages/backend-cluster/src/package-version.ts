/**
 * Version of this package, as in its package.json: written here by `npm run version-packages`, because a program that a bundler made of this
 * package has no package.json to read.
 */
export const PACKAGE_VERSION = '0.0.0';
