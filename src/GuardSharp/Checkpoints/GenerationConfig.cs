namespace GuardSharp.Checkpoints;

/// <summary>What generation_config.json adds to config.json: the ids that end an answer. Sampling keys do not matter to a guard.</summary>
internal static class GenerationConfig
{
    private const string FileName = "generation_config.json";

    /// <summary>The ids that end an answer.</summary>
    /// <param name="folder">The model folder; the file may be absent.</param>
    /// <param name="config">The model; its eos_token_id counts where the file names none.</param>
    /// <exception cref="CheckpointException">The file is damaged, or neither file names an id.</exception>
    public static IReadOnlyList<int> EndIds(string folder, IModelConfig config)
    {
        var path = Path.Combine(folder, FileName);
        var ids = File.Exists(path)
            ? JsonSection.ReadFile(path, root => root.OneOrMoreInts("eos_token_id", 0, config.Dimensions.VocabularySize - 1))
            : null;
        return ids is { Length: > 0 } ? ids : config.EndIds.Count > 0 ? config.EndIds : throw new CheckpointException(
            $"{FileName}, {ModelConfig.FileName}: neither names an \"eos_token_id\", so no answer could end. Add the ids that end an answer.");
    }
}
