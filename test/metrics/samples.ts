/**
 * The sum of the series that a selector selects, such as `name` or `name{outcome="renewed"}`, in
 * the text of `/metrics`; NaN if there are none.
 */
export function sumOf(text: string, selector: string): number {
  const [name = '', labels = ''] = selector.split(/[{}]/);
  const wanted = labels.match(/\w+="[^"]*"/g) ?? [];
  const values = [...text.matchAll(/^([a-z_]+)(\{.*\})? (\S+)$/gm)]
    .filter(([, series, had = '']) => series === name && wanted.every((one) => had.includes(one)))
    .map(([, , , value]) => Number(value));
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value);
}
