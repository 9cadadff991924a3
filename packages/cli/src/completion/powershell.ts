/**
 * The completion script for PowerShell. Where it offers nothing, PowerShell offers files by itself.
 *
 * @module
 */
import type { CommandWords } from './words.ts';

export function powershellCompletion(commands: readonly CommandWords[]): string {
  return `# Completion of vitrine for PowerShell, written by "vitrine completion powershell".
# Load it with: vitrine completion powershell | Out-String | Invoke-Expression

Register-ArgumentCompleter -Native -CommandName vitrine -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $commands = [ordered]@{
${commands.map(({ name, summary }) => `    ${quote(name)} = ${quote(summary)}`).join('\n')}
  }
  $options = @{
${commands.map(optionTable).join('\n')}
  }
  $values = @{
${commands.flatMap(valueRows).join('\n')}
  }
  $first = @{
${commands.flatMap(firstRows).join('\n')}
  }
  $before = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
  if ($wordToComplete -eq '' -and $before.Count -eq 0) { $before = @('vitrine') }
  $offers = [ordered]@{}
  if ($before.Count -le 1) { $offers = $commands }
  elseif ($values.ContainsKey("$($before[1]) $($before[-1])")) {
    foreach ($value in $values["$($before[1]) $($before[-1])"]) { $offers[$value] = $value }
  }
  elseif ($wordToComplete -like '-*') { if ($options.ContainsKey($before[1])) { $offers = $options[$before[1]] } }
  elseif ($before.Count -eq 2 -and $first.ContainsKey($before[1])) {
    foreach ($value in $first[$before[1]]) { $offers[$value] = $value }
  }
  $offers.GetEnumerator() | Where-Object { $_.Key -like "$wordToComplete*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_.Key, $_.Key, 'ParameterValue', $_.Value)
  }
}
`;
}

function optionTable({ name, options }: CommandWords): string {
  const rows = options.map(({ flag, summary }) => `      ${quote(flag)} = ${quote(summary)}`);
  return [`    ${quote(name)} = [ordered]@{`, ...rows, '    }'].join('\n');
}

function valueRows({ name, options }: CommandWords): readonly string[] {
  return options.flatMap(({ flag, complete }) =>
    typeof complete === 'string' ? [] : [`    ${quote(`${name} ${flag}`)} = ${list(complete)}`],
  );
}

function firstRows({ name, positionals: [first] }: CommandWords): readonly string[] {
  if (first === undefined || typeof first.complete === 'string') return [];
  return [`    ${quote(name)} = ${list(first.complete)}`];
}

function list(words: readonly string[]): string {
  return `@(${words.map(quote).join(', ')})`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
