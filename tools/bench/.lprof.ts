import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { openLoad } from './gateway-load.ts';
const child = spawn(process.execPath, ['--cpu-prof', '--cpu-prof-dir=/tmp/lbench/prof', 'packages/cli/src/main.ts', 'run', '--listen', '127.0.0.1:0', '--json', '--', process.execPath, '--conditions=@vitrine/source', import.meta.dirname + '/gateway-echo.ts', 'stdio'], { env: { ...process.env, VITRINE_HOME: '/tmp/lbench/home' }, stdio: ['pipe', 'pipe', 'inherit'] });
for await (const line of createInterface({ input: child.stdout! })) {
  const { url } = JSON.parse(line);
  for (const era of ['2026-07-28', '2025-11-25'] as const) {
    const c = await openLoad(url, era);
    for (const w of [1, 16, 1, 16]) process.stdout.write(`${era} ${w} ${JSON.stringify(await c.run(w, 3000))}\n`);
    c.close();
  }
  break;
}
child.kill('SIGINT');
