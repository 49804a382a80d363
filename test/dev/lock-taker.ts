/** Takes the lock of the folder that it is given, says how it went, and lives until stdin ends. */
import { takeLock } from '../../src/dev/lock.js';

const result = takeLock(process.argv[2] ?? '');
console.log(result.kind);
process.stdin.resume();
