namespace GuardSharp.Checkpoints.Quantization;

/// <summary>Quantises a model folder into another one.</summary>
/// <param name="folder">The source.</param>
/// <param name="scheme">Which weights, and how.</param>
internal sealed class FolderQuantisation(string folder, QuantisationScheme scheme)
{
    /// <summary>Most bytes of weights in a file; a larger tensor has a file of its own.</summary>
    public long ShardBytes { get; init; } = 5_000_000_000;

    /// <summary>Threads that round; 0: all cores.</summary>
    public int Threads { get; init; }

    /// <summary>What a squared error of each input of a weight, by its published name, counts; null: all the same.</summary>
    public Func<string, float[]?> Importance { get; init; } = _ => null;

    /// <summary>Writes the quantised folder. It appears under its name with all its files or not at all.</summary>
    /// <param name="output">The folder to be; there must be none, or an empty one.</param>
    /// <param name="progress">Told after each piece how many bytes of the source's weights are done, and how many there are.</param>
    /// <param name="cancellationToken">Stops; nothing remains.</param>
    /// <returns>What was written.</returns>
    /// <exception cref="CheckpointException">The source is no model that can be quantised, or the folder cannot be written.</exception>
    public QuantisationRecord Run(string output, Action<long, long> progress, CancellationToken cancellationToken)
    {
        if (Gguf.GgufFile.Find(folder) is { } gguf)
        {
            throw new CheckpointException($"{Path.GetFileName(gguf)}: a GGUF file is not quantised again. Give the folder of the safetensors files it was made from.");
        }

        using var checkpoint = Checkpoint.Open(folder);
        var (config, manifest) = (ModelConfig.Read(folder), GuardManifest.Read(folder));
        var stored = config.NamesIn(checkpoint);
        Check(checkpoint, config);
        PlannedWeight[] plan =
        [
            .. scheme.Plan(config, name => checkpoint.Get(stored(name)).Type)
                .Select(weight => weight with { Name = stored(weight.Name), Importance = weight.Format == NumberFormat.Int4 ? Importance(weight.Name) : null }),
        ];
        ModelFiles.CheckSpace(output, plan.Sum(weight => weight.Bytes));

        using var pending = new PendingFolder(output);
        ModelFiles.Copy(folder, pending.Path, GuardManifest.FileName);
        var (done, total) = (0L, plan.Sum(weight => checkpoint.Get(weight.Name).Bytes));
        var writing = new WeightsWriting(Threads, bytes => progress(done += bytes, total), cancellationToken);
        var errors = writing.Write(pending.Path, plan, weight => new MappedRows(checkpoint.Get(weight.Name), weight.Columns * weight.SourceType.Size()), ShardBytes, scheme.Metadata);
        var record = QuantisationRecord.Of(scheme, manifest?.Name ?? ModelConfig.NameOf(folder), checkpoint.Digest.OrRecorded(manifest), errors);
        record.Write(pending.Path, errors);
        WriteManifest(manifest, pending.Path);
        cancellationToken.ThrowIfCancellationRequested();
        pending.Commit();
        return record;
    }

    private static void Check(Checkpoint checkpoint, IModelConfig config)
    {
        if (checkpoint.Tensors.FirstOrDefault(StoredBlocks.Are) is { } quantised)
        {
            throw new CheckpointException($"{quantised.Description}: the model is quantised already. Start from its weights in F32, F16 or BF16.");
        }

        var problem = CheckpointFit.Problems(checkpoint, config).FirstOrDefault(problem => !IsAboutAngles(checkpoint, problem));
        if (problem is not null)
        {
            throw new CheckpointException($"{checkpoint.Folder}: {problem}. Is {ModelConfig.FileName} from the same checkpoint, and are all files there?");
        }
    }

    // They are left out: networks compute them.
    private static bool IsAboutAngles(Checkpoint checkpoint, string problem) =>
        checkpoint.Tensors.Any(tensor => CheckpointFit.IsTableOfAngles(tensor.Name) && problem == $"{tensor.Description} and unexpected");

    /// <remarks>The recorded hash is that of other weights: it is computed anew where it was recorded.</remarks>
    private static void WriteManifest(GuardManifest? manifest, string target)
    {
        if (manifest is null)
        {
            return;
        }

        string? hash = null;
        if (manifest.WeightsSha256 is not null)
        {
            using var written = Checkpoint.Open(target);
            hash = WeightsDigest.ComputeFull(written.Files).Hex;
        }

        (manifest with { WeightsSha256 = hash }).Write(target);
    }
}
