/**
 * The program of the key service: what `vitrine run` starts first, with the platform that it was told. It is
 * not for people.
 *
 * @module
 */
import { runKeyd } from '@vitrine/keys';
import { readKeydArguments } from './platform/keyd-arguments.ts';
import { platformOpener } from './platform/open-platform.ts';

const given = readKeydArguments(process.argv.slice(2));
const opener = platformOpener(given);

runKeyd({ directory: given.directory, prepare: opener.prepare, platform: opener.open });
