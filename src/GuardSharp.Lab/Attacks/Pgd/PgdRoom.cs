using GuardSharp.Conversations;
using GuardSharp.Defences;
using GuardSharp.Evaluation.Attacks;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Policies;

namespace GuardSharp.Lab.Attacks.Pgd;

/// <summary>What an attack works with.</summary>
/// <param name="Guard">The guard on the processor: renders prompts.</param>
/// <param name="Judge">Who is attacked: the same guard, or a defence around it.</param>
/// <param name="Options">How it judges.</param>
/// <param name="Network">The guard's network with gradients.</param>
/// <param name="Folder">Where results go.</param>
internal sealed record PgdRoom(GuardClassifier Guard, IGuard Judge, ClassifyOptions Options, AttackNetwork Network, AttackFolder Folder)
{
    /// <summary>Defences whose looks the attacker follows with his gradients; empty: he follows the guard alone, and tries what comes of it on the judge.</summary>
    public IReadOnlyList<IDefence> Known { get; init; } = [];

    /// <summary>P(unsafe) from which on a verdict is unsafe.</summary>
    public double Threshold => Options.Threshold ?? Judge.Capabilities.Threshold;

    /// <summary>A row as the attacker sees it.</summary>
    public PgdTarget Prepare(Sample sample) => PgdTarget.Of(sample, Guard, Options, Network.Images!);

    /// <summary>The verdict of the guard, through its ordinary front door. It blocks: torch's scopes belong to this thread.</summary>
    public Verdict Ask(Conversation conversation, CancellationToken cancellation) => Judge.ClassifyAsync(conversation, Options, cancellation).GetAwaiter().GetResult();
}
