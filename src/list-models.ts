/** Models of the catalogue, as rows for people and programs. */
import { nothingMatches } from "./complaints.js";
import { type CatalogueFiles, type ListedModel, readCatalogueList } from "./importers/catalogue/catalogue.js";

/** Those whose name and description contain every word of `pattern`; throws when none does. */
export async function listModels(files: CatalogueFiles, pattern = ""): Promise<ListedModel[]> {
  const { listConfigModels } = await import("./importers/catalogue/configs.js");
  const models = [...(await listConfigModels(files)), ...(await readCatalogueList(files))];
  const words = pattern.toLowerCase().split(/\s+/);
  const found = models.filter(({ name, description }) => {
    const text = `${name} ${description}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  if (found.length > 0) return found;
  throw nothingMatches(
    "models",
    pattern,
    new Set(models.map(({ name }) => name.replace(/^.*\//, ""))), // a pattern seldom names the source
  );
}
