namespace GuardSharp.Lab.FineTuning.Runs;

/// <summary>One step, done.</summary>
/// <param name="Step">Its number, from 1.</param>
/// <param name="Steps">Steps of the run.</param>
/// <param name="Loss">Mean loss of an answer token.</param>
/// <param name="Rate">The learning rate.</param>
/// <param name="Tokens">Tokens read.</param>
/// <param name="Seconds">How long it took.</param>
internal sealed record StepReport(long Step, int Steps, double Loss, double Rate, int Tokens, double Seconds);

/// <summary>Shows a run while it goes on.</summary>
internal interface ITrainingProgress
{
    /// <summary>A step is done.</summary>
    void Step(StepReport step);

    /// <summary>Something else happened.</summary>
    void Note(string line);
}
