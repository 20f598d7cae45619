// Prints the ten slowest tests of a JUnit report: node slowest.mjs FILE
import { readFileSync } from 'node:fs';

const attribute = (text, name) => text.match(new RegExp(`\\b${name}="([^"]*)"`))?.[1] ?? '';
const cases = [...readFileSync(process.argv[2], 'utf8').matchAll(/<testcase\b[^>]*>/g)].map(([tag]) => ({
  name: `${attribute(tag, 'classname')} ${attribute(tag, 'name')}`,
  seconds: Number(attribute(tag, 'time')),
}));
console.log('== ten slowest');
for (const { name, seconds } of cases.sort((a, b) => b.seconds - a.seconds).slice(0, 10)) {
  console.log(`${seconds.toFixed(2).padStart(8)} s  ${name}`);
}
