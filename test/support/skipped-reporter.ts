/**
 * Names and counts the skipped tests at the end of a run, so that a green run cannot hide them.
 *
 * @module
 */
import type { Reporter, TestCase, TestModule } from 'vitest/node';

export default class SkippedReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')]);
    if (skipped.length === 0) return;
    process.stdout.write(
      `\nSkipped: ${skipped.length}\n${skipped.map((test: TestCase) => `  ${test.module.relativeModuleId}: ${test.name}\n`).join('')}`,
    );
  }
}
